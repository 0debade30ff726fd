# For stepping through CUDA kernels on the emulated device (docs/kernels.md):
#   gdb -x tools/kernel.gdb -ex 'break softmax.cu:16' -ex run --args sh ./imu2clip selftest --device emulated --kernel softmax_forward
set pagination off
# Kernels are loaded when they are first used.
set breakpoint pending on
# Java uses these signals itself.
handle SIGSEGV SIGBUS nostop noprint pass
