// Node's assert.

const { inspect } = internal;
const { isDeepEqual, isDeepStrictEqual } = require("./compare");

class AssertionError extends Error {
  constructor({ message, actual, expected, operator, stackStartFn }) {
    super(message);
    this.name = "AssertionError";
    Object.assign(this, { code: "ERR_ASSERTION", generatedMessage: false, actual, expected, operator });
    if (stackStartFn) {
      Error.captureStackTrace(this, stackStartFn);
    }
  }
}

const OPENINGS = {
  strictEqual: "Expected values to be strictly equal:",
  deepStrictEqual: "Expected values to be strictly deep-equal:",
  deepEqual: "Expected values to be loosely deep-equal:",
  equal: undefined,
  notStrictEqual: 'Expected "actual" to be strictly unequal to:',
  notDeepStrictEqual: 'Expected "actual" not to be strictly deep-equal to:',
  notDeepEqual: 'Expected "actual" not to be loosely deep-equal to:',
};

function fail(operator, actual, expected, message, start) {
  if (message instanceof Error) {
    throw message;
  }
  throw Object.assign(new AssertionError({ message: message ?? described(operator, actual, expected), actual, expected, operator, stackStartFn: start }), { generatedMessage: message === undefined });
}

function described(operator, actual, expected) {
  const [a, b] = [inspect(actual), inspect(expected)];
  if (operator === "equal") {
    return `${a} == ${b}`;
  }
  if (operator === "notEqual") {
    return `${a} != ${b}`;
  }
  if (operator.startsWith("not")) {
    return `${OPENINGS[operator]} ${b}`;
  }
  const isShort = !a.includes("\n") && !b.includes("\n") && a.length + b.length < 60;
  const isSimple = [actual, expected].every((value) => typeof value !== "object" || value === null);
  if (isShort && isSimple && operator !== "deepEqual") {
    return `${OPENINGS[operator]}\n\n${a} !== ${b}\n`;
  }
  if (operator === "deepEqual") {
    return `${OPENINGS[operator]}\n\n${a}\n\nshould loosely deep-equal\n\n${b}`;
  }
  return `${OPENINGS[operator]}\n+ actual - expected\n\n${difference(inspectLines(actual), inspectLines(expected))}`;
}

const inspectLines = (value) => inspect(value, { compact: false, sorted: true, depth: 1000, breakLength: Infinity }).split("\n");

// Lines of both, in order, by their longest common subsequence.
function difference(actual, expected) {
  const lengths = Array.from({ length: actual.length + 1 }, () => new Uint16Array(expected.length + 1));
  for (let a = actual.length - 1; a >= 0; a--) {
    for (let b = expected.length - 1; b >= 0; b--) {
      lengths[a][b] = actual[a] === expected[b] ? lengths[a + 1][b + 1] + 1 : Math.max(lengths[a + 1][b], lengths[a][b + 1]);
    }
  }
  const lines = [];
  for (let [a, b] = [0, 0]; a < actual.length || b < expected.length; ) {
    if (a < actual.length && b < expected.length && actual[a] === expected[b]) {
      lines.push(`  ${actual[a]}`);
      [a, b] = [a + 1, b + 1];
    } else if (a < actual.length && (b === expected.length || lengths[a + 1][b] >= lengths[a][b + 1])) {
      lines.push(`+ ${actual[a++]}`);
    } else {
      lines.push(`- ${expected[b++]}`);
    }
  }
  return lines.join("\n");
}

function assert(value, message) {
  ok(value, message);
}

function ok(value, message) {
  if (!value) {
    if (message instanceof Error) {
      throw message;
    }
    const text = message ?? "The expression evaluated to a falsy value";
    throw Object.assign(new AssertionError({ message: text, actual: value, expected: true, operator: "==", stackStartFn: ok }), { generatedMessage: message === undefined });
  }
}

const comparison = (operator, holds) =>
  function check(actual, expected, message) {
    if (!holds(actual, expected)) {
      fail(operator, actual, expected, message, check);
    }
  };

function matches(error, expected, message) {
  if (expected === undefined) {
    return;
  }
  if (typeof expected === "function") {
    if (expected.prototype !== undefined && error instanceof expected) {
      return;
    }
    if (Error.isPrototypeOf(expected)) {
      throw error;
    }
    if (expected.call({}, error) === true) {
      return;
    }
    fail("throws", error, expected, message ?? `The validation function is expected to return "true". Received ${inspect(false)}`, matches);
  }
  if (internal.types.isRegExp(expected)) {
    if (expected.test(String(error))) {
      return;
    }
    fail("throws", error, expected, message ?? `The input did not match the regular expression ${inspect(expected)}. Input:\n\n${inspect(String(error))}\n`, matches);
  }
  const keys = Object.keys(expected);
  if (expected instanceof Error) {
    keys.push("name", "message");
  }
  for (const key of keys) {
    const isMatch = typeof error[key] === "string" && internal.types.isRegExp(expected[key]) ? expected[key].test(error[key]) : isDeepStrictEqual(error[key], expected[key]);
    if (!isMatch) {
      fail("throws", error[key], expected[key], message ?? described("deepStrictEqual", error[key], expected[key]), matches);
    }
  }
}

function throws(block, expected, message) {
  let error;
  try {
    block();
  } catch (thrown) {
    error = { thrown };
  }
  concludeThrow("throws", error, expected, message, "exception");
}

async function rejects(block, expected, message) {
  let error;
  try {
    await (typeof block === "function" ? block() : block);
  } catch (thrown) {
    error = { thrown };
  }
  concludeThrow("rejects", error, expected, message, "rejection");
}

function concludeThrow(operator, error, expected, message, what) {
  const text = typeof expected === "string" ? expected : message;
  if (error === undefined) {
    const name = typeof expected === "function" && expected.name ? ` (${expected.name})` : "";
    throw new AssertionError({ message: `Missing expected ${what}${name}${text ? `: ${text}` : "."}`, actual: undefined, expected, operator, stackStartFn: throws });
  }
  matches(error.thrown, typeof expected === "string" ? undefined : expected, text);
}

function doesNotThrow(block, ...rest) {
  try {
    block();
  } catch (error) {
    const message = rest.find((each) => typeof each === "string");
    throw new AssertionError({ message: `Got unwanted exception${message ? `: ${message}` : "."}\nActual message: "${error?.message}"`, actual: error, operator: "doesNotThrow", stackStartFn: doesNotThrow });
  }
}

async function doesNotReject(block, message) {
  try {
    await (typeof block === "function" ? block() : block);
  } catch (error) {
    throw new AssertionError({ message: `Got unwanted rejection${typeof message === "string" ? `: ${message}` : "."}\nActual message: "${error?.message}"`, actual: error, operator: "doesNotReject" });
  }
}

const METHODS = {
  AssertionError,
  ok,
  fail: (message = "Failed") => {
    throw message instanceof Error ? message : new AssertionError({ message, operator: "fail" });
  },
  equal: comparison("equal", (a, b) => a == b || (a !== a && b !== b)),
  notEqual: comparison("notEqual", (a, b) => a != b),
  strictEqual: comparison("strictEqual", Object.is),
  notStrictEqual: comparison("notStrictEqual", (a, b) => !Object.is(a, b)),
  deepEqual: comparison("deepEqual", isDeepEqual),
  notDeepEqual: comparison("notDeepEqual", (a, b) => !isDeepEqual(a, b)),
  deepStrictEqual: comparison("deepStrictEqual", isDeepStrictEqual),
  notDeepStrictEqual: comparison("notDeepStrictEqual", (a, b) => !isDeepStrictEqual(a, b)),
  throws,
  rejects,
  doesNotThrow,
  doesNotReject,
  match: (text, pattern, message) => pattern.test(text) || fail("match", text, pattern, message ?? `The input did not match the regular expression ${inspect(pattern)}. Input:\n\n${inspect(text)}\n`),
  doesNotMatch: (text, pattern, message) => !pattern.test(text) || fail("doesNotMatch", text, pattern, message ?? `The input was expected to not match the regular expression ${inspect(pattern)}. Input:\n\n${inspect(text)}\n`),
  ifError: (value) => {
    if (value !== null && value !== undefined) {
      throw new AssertionError({ message: `ifError got unwanted exception: ${value?.message ?? inspect(value)}`, actual: value, expected: null, operator: "ifError" });
    }
  },
};
Object.assign(assert, METHODS);
assert.strict = Object.assign((value, message) => ok(value, message), METHODS, {
  equal: METHODS.strictEqual,
  notEqual: METHODS.notStrictEqual,
  deepEqual: METHODS.deepStrictEqual,
  notDeepEqual: METHODS.notDeepStrictEqual,
});
assert.strict.strict = assert.strict;

module.exports = assert;
