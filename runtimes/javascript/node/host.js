// host.request(name, payload): what only the program that runs this one can give.

const { requests } = internal;
const { parse, stringify } = JSON;
const RealmPromise = Promise;
const errors = { Error, EvalError, RangeError, ReferenceError, SyntaxError, TypeError, URIError };
const { hasOwn } = Object;

function errorOf(name, message) {
  if (hasOwn(errors, name)) {
    return new errors[name](message);
  }
  const error = new errors.Error(message);
  error.name = name;
  return error;
}

const host = {
  request(name, payload = null) {
    if (typeof name !== "string") {
      throw new errors.TypeError(`the name of a request is a string, not ${typeof name}`);
    }
    const text = stringify(payload);
    if (typeof text !== "string") {
      throw new errors.TypeError(`the payload of a request is JSON, not ${typeof payload}`);
    }
    return new RealmPromise((resolve, reject) => {
      const answered = (value) => resolve(parse(value));
      const refused = (kind, message) => reject(errorOf(kind, message));
      const mistake = requests.add(name, text, answered, refused);
      if (mistake !== undefined) {
        throw new errors.RangeError(mistake);
      }
    });
  },
};
Object.defineProperty(host, Symbol.toStringTag, { value: "host" });

module.exports = host;
