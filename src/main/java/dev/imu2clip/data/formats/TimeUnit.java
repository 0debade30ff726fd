package dev.imu2clip.data.formats;

/** How a column tells the time. */
enum TimeUnit {
    S("s", 1), MS("ms", 1e3), US("us", 1e6), NS("ns", 1e9), ISO("iso", 1e9);

    final String symbol;
    final double perSecond;

    TimeUnit(String symbol, double perSecond) {
        this.symbol = symbol;
        this.perSecond = perSecond;
    }
}
