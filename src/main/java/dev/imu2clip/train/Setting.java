package dev.imu2clip.train;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** What {@link Config} knows of one setting beside its name and type: the one place for its default, its limits and its documentation. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.RECORD_COMPONENT)
@interface Setting {
    /** The default, as it would stand in YAML. */
    String value();

    String help();

    /** The words allowed; empty: any. */
    String[] choices() default {};

    /** Whether the words allowed are the IMU encoders' names. */
    boolean encoders() default false;

    double min() default Double.NEGATIVE_INFINITY;

    double max() default Double.POSITIVE_INFINITY;

    /** Whether {@link #min} itself is too small. */
    boolean aboveMin() default false;

    /** Another name the reference uses for it. */
    String alias() default "";

    /** Whether another value trains other weights. Settings that do not may change between a run and its continuation. */
    boolean shapesTraining() default true;
}
