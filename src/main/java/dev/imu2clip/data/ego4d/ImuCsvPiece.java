package dev.imu2clip.data.ego4d;

/**
 * Some lines of a csv of motion, parsed.
 *
 * @param samples of the arrays, how many are filled
 * @param lines that were read without a fault
 * @param fault what is wrong with the line after these, or null; only the file as a whole knows its number
 * @param faultIsLast whether that is the last line here
 */
record ImuCsvPiece(double[] times, float[][] channels, int samples, int lines, long rows, long untimed, long[] missing, String fault,
        boolean faultIsLast) {
    static ImuCsvPiece unreadable(String why) {
        return new ImuCsvPiece(null, null, 0, 0, 0, 0, null, why, false);
    }

    void copyTo(double[] allTimes, float[][] allChannels, int at) {
        System.arraycopy(times, 0, allTimes, at, samples);
        for (int c = 0; c < channels.length; c++) System.arraycopy(channels[c], 0, allChannels[c], at, samples);
    }
}
