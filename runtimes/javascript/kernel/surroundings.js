// What a program runs in: working folder, environment, and whether it asked to end.

export const surroundings = { cwd: "/workspace", env: { __proto__: null }, environment: undefined, exitCode: undefined };
