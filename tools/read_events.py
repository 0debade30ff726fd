"""Reads a TensorBoard event file with Google's protobuf and prints one JSON line an event: a check of TensorBoardWriter from outside.

    python tools/read_events.py events.out.tfevents.*

Needs protobuf. With tensorboard installed, its own reader is used instead.
"""
import json
import struct
import sys

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

F = descriptor_pb2.FieldDescriptorProto


def event_class():
    file = descriptor_pb2.FileDescriptorProto(name="event.proto", package="t", syntax="proto3")

    def message(name, *fields):
        m = file.message_type.add(name=name)
        for number, field, kind, *rest in fields:
            f = m.field.add(name=field, number=number, type=kind, label=F.LABEL_REPEATED if "repeated" in rest else F.LABEL_OPTIONAL)
            if kind == F.TYPE_MESSAGE:
                f.type_name = ".t." + rest[0]

    message("Value", (1, "tag", F.TYPE_STRING), (2, "simple_value", F.TYPE_FLOAT))
    message("Summary", (1, "value", F.TYPE_MESSAGE, "Value", "repeated"))
    message("SessionLog", (1, "status", F.TYPE_INT32))
    message("Event", (1, "wall_time", F.TYPE_DOUBLE), (2, "step", F.TYPE_INT64), (3, "file_version", F.TYPE_STRING),
            (5, "summary", F.TYPE_MESSAGE, "Summary"), (7, "session_log", F.TYPE_MESSAGE, "SessionLog"))
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    return message_factory.GetMessageClass(pool.FindMessageTypeByName("t.Event"))


def events(path):
    try:
        from tensorboard.backend.event_processing.event_file_loader import RawEventFileLoader
        yield from RawEventFileLoader(path).Load()
        return
    except ImportError:
        pass
    with open(path, "rb") as file:
        while header := file.read(12):
            length, _ = struct.unpack("<QI", header)
            yield file.read(length)
            file.read(4)


if __name__ == "__main__":
    Event = event_class()
    for path in sys.argv[1:]:
        for data in events(path):
            e = Event.FromString(data)
            print(json.dumps({"step": e.step, "version": e.file_version, "session": e.session_log.status,
                              "values": {v.tag: v.simple_value for v in e.summary.value}}))
