package dev.imu2clip.data;

/** The usable windows of a split, and what was skipped. */
public record Selection(WindowTable windows, Rejections rejections) {}
