package dev.imu2clip.ops;

/** What a loss does with the losses of a batch's samples. */
public enum Reduction { MEAN, SUM, NONE }
