// Node's perf_hooks: the clock.

module.exports = { performance: globalThis.performance, PerformanceObserver: class PerformanceObserver {} };
