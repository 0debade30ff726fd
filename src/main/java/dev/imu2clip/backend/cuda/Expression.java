package dev.imu2clip.backend.cuda;

import dev.imu2clip.backend.Kernel;

import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * Whole-number expressions of launch comments ({@code kernels/common.cuh} has the language), over the fields of a kernel's argument block
 * and named constants.
 */
@FunctionalInterface
interface Expression {
    long of(MemorySegment args);

    /**
     * Reads an expression.
     *
     * @throws IllegalArgumentException that names what cannot be read
     */
    static Expression parse(String text, Kernel kernel, Map<String, Long> constants) {
        Parser parser = new Parser(text, kernel, constants);
        Expression expression = parser.choice();
        parser.expect("");
        return expression;
    }

    final class Parser {
        private static final Pattern TOKEN = Pattern.compile("\\s*(\\d+|\\w+|<=|>=|==|!=|&&|\\|\\||<<|>>|[-+*/%()<>,?:!])");
        /** Weakest first; all of one row bind alike, from the left. */
        private static final List<List<String>> OPERATORS = List.of(List.of("||"), List.of("&&"), List.of("==", "!="),
                List.of("<", "<=", ">", ">="), List.of("+", "-"), List.of("*", "/", "%"));

        private final String text;
        private final Kernel kernel;
        private final Map<String, Long> constants;
        private final List<String> tokens = new ArrayList<>();
        private int at;

        private Parser(String text, Kernel kernel, Map<String, Long> constants) {
            this.text = text;
            this.kernel = kernel;
            this.constants = constants;
            Matcher matcher = TOKEN.matcher(text);
            int end = 0;
            for (; end < text.length() && matcher.find(end) && matcher.start() == end; end = matcher.end()) tokens.add(matcher.group(1));
            if (!text.substring(end).isBlank()) throw new IllegalArgumentException("'" + text.substring(end) + "' in '" + text + "'");
        }

        private String peek() {
            return at < tokens.size() ? tokens.get(at) : "";
        }

        private boolean take(String token) {
            if (!peek().equals(token)) return false;
            at++;
            return true;
        }

        private void expect(String token) {
            if (token.isEmpty() ? at < tokens.size() : !take(token))
                throw new IllegalArgumentException("expected " + (token.isEmpty() ? "the end" : "'" + token + "'") + " at '" + peek()
                        + "' in '" + text + "'");
        }

        private Expression choice() {
            Expression condition = operators(0);
            if (!take("?")) return condition;
            Expression yes = choice();
            expect(":");
            Expression no = choice();
            return a -> condition.of(a) != 0 ? yes.of(a) : no.of(a);
        }

        private Expression operators(int level) {
            if (level == OPERATORS.size()) return unary();
            Expression left = operators(level + 1);
            while (OPERATORS.get(level).contains(peek())) left = combine(tokens.get(at++), left, operators(level + 1));
            return left;
        }

        private static Expression combine(String operator, Expression l, Expression r) {
            return switch (operator) {
                case "||" -> a -> l.of(a) != 0 || r.of(a) != 0 ? 1 : 0;
                case "&&" -> a -> l.of(a) != 0 && r.of(a) != 0 ? 1 : 0;
                case "==" -> a -> l.of(a) == r.of(a) ? 1 : 0;
                case "!=" -> a -> l.of(a) != r.of(a) ? 1 : 0;
                case "<" -> a -> l.of(a) < r.of(a) ? 1 : 0;
                case "<=" -> a -> l.of(a) <= r.of(a) ? 1 : 0;
                case ">" -> a -> l.of(a) > r.of(a) ? 1 : 0;
                case ">=" -> a -> l.of(a) >= r.of(a) ? 1 : 0;
                case "+" -> a -> Math.addExact(l.of(a), r.of(a));
                case "-" -> a -> Math.subtractExact(l.of(a), r.of(a));
                case "*" -> a -> Math.multiplyExact(l.of(a), r.of(a));
                case "/" -> a -> l.of(a) / r.of(a);
                case "%" -> a -> l.of(a) % r.of(a);
                default -> throw new AssertionError(operator);
            };
        }

        private Expression unary() {
            if (take("!")) {
                Expression value = unary();
                return a -> value.of(a) == 0 ? 1 : 0;
            }
            if (take("-")) {
                Expression value = unary();
                return a -> -value.of(a);
            }
            if (take("(")) {
                Expression value = choice();
                expect(")");
                return value;
            }
            String token = peek();
            if (token.isEmpty() || !Character.isLetterOrDigit(token.charAt(0)) && token.charAt(0) != '_')
                throw new IllegalArgumentException("expected a number, a name or '(' at '" + token + "' in '" + text + "'");
            at++;
            if (Character.isDigit(token.charAt(0))) {
                long number = Long.parseLong(token);
                return _ -> number;
            }
            return take("(") ? call(token) : name(token);
        }

        private Expression call(String function) {
            Expression x = choice();
            expect(",");
            Expression y = choice();
            expect(")");
            return switch (function) {
                case "ceil" -> a -> Math.ceilDiv(x.of(a), y.of(a));
                case "min" -> a -> Math.min(x.of(a), y.of(a));
                case "max" -> a -> Math.max(x.of(a), y.of(a));
                default -> throw new IllegalArgumentException("no function '" + function + "' in '" + text + "'; there are ceil, min and max");
            };
        }

        private Expression name(String name) {
            Long constant = constants.get(name);
            if (constant != null) return _ -> constant;
            for (int i = 0; i < kernel.fields().size(); i++) {
                Kernel.Field field = kernel.fields().get(i);
                if (!field.name().equals(name)) continue;
                if (field.kind() == Kernel.Kind.REAL)
                    throw new IllegalArgumentException("'" + name + "' in '" + text + "' is no whole number");
                long offset = 8L * i;
                return a -> a.get(ValueLayout.JAVA_LONG, offset);
            }
            throw new IllegalArgumentException("'" + name + "' in '" + text + "' is neither a field of kernel " + kernel + " nor a constant");
        }
    }
}
