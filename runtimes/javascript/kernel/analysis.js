// What a cell declares and awaits, and the source that is evaluated for it: mostly the cell itself.
//
// The engine keeps a script's `let`, `const` and `class` as variables of the realm and gives a script's completion
// value; so what is left is to make way for what is declared anew, to turn imports into expressions, and to
// take `{a: 1}` for an object, as Node's REPL does. Source that acorn does not understand is left to the engine,
// whose SyntaxError is the better one.

import { parse } from "acorn";

const OPTIONS = {
  ecmaVersion: "latest",
  sourceType: "script",
  allowAwaitOutsideFunction: true,
  allowImportExportEverywhere: true,
  allowHashBang: true,
};
// A cell without any of these declares nothing, awaits nothing, and is no object literal.
const INTERESTING = /\b(?:let|const|var|class|function|import|export|await|using)\b|^\s*\{|\\u/;
const DEFAULT = /^export(?:\s|\/\*[^]*?\*\/|\/\/.*)*default/;
const FUNCTIONS = new Set(["FunctionDeclaration", "FunctionExpression", "ArrowFunctionExpression"]);

// {code, isAsync, lexical: names, variables: names}
export function analyse(source, isFixed) {
  const plain = { code: source, isAsync: false, lexical: [], variables: [] };
  if (!INTERESTING.test(source)) {
    return plain;
  }
  const wrapped = objectLiteral(source);
  const code = wrapped?.code ?? source;
  const tree = wrapped?.tree ?? tryParse(source);
  if (tree === undefined) {
    return { ...plain, isAsync: /\bawait\b/.test(source) };
  }
  const edits = [];
  const found = { ...plain, code, edits };
  let hasImport = false;
  for (const statement of tree.body) {
    hasImport = visit(statement, found, edits, isFixed) || hasImport;
  }
  if (/\bvar\b/.test(source)) {
    collectVars(tree, found.variables);
  }
  return { ...found, code: apply(code, edits), isAsync: hasImport || (/\bawait\b/.test(source) && awaits(tree)) };
}

function tryParse(source) {
  try {
    return parse(source, OPTIONS);
  } catch {
    return undefined;
  }
}

// As Node's REPL: a cell that begins with a brace and does not end in a semicolon is an expression if it can be.
function objectLiteral(source) {
  if (!/^\s*\{/.test(source) || /;\s*$/.test(source)) {
    return undefined;
  }
  const code = `(${source}\n)`;
  const tree = tryParse(code);
  return tree && { code, tree };
}

// Notes what the statement declares; whether it needs `await`. ``isFixed``: whether a name is a property of the
// global object that cannot be removed, so that only `var` may declare it again.
function visit(statement, found, edits, isFixed) {
  switch (statement.type) {
    case "VariableDeclaration":
      visitVariables(statement, found, edits, isFixed);
      return statement.kind === "await using";
    case "ClassDeclaration":
      visitClass(statement, found, edits, isFixed);
      return false;
    case "FunctionDeclaration":
      found.variables.push(statement.id.name);
      return false;
    case "ImportDeclaration":
      edits.push([statement.start, statement.end, importExpression(statement, found)]);
      return true;
    case "ExportAllDeclaration":
    case "ExportNamedDeclaration":
      return visitExport(statement, found, edits, isFixed);
    case "ExportDefaultDeclaration":
      return visitDefault(statement, found, edits, isFixed);
    default:
      return false;
  }
}

function visitVariables(statement, found, edits, isFixed) {
  const names = [];
  for (const declarator of statement.declarations) {
    collectNames(declarator.id, names);
  }
  if (statement.kind === "var") {
    found.variables.push(...names);
  } else if (names.some(isFixed)) {
    found.variables.push(...names);
    edits.push([statement.start, statement.start + statement.kind.length, "var"]);
  } else {
    found.lexical.push(...names);
  }
}

function visitClass(statement, found, edits, isFixed) {
  if (statement.id === null) {
    return;
  }
  const { name } = statement.id;
  if (isFixed(name)) {
    found.variables.push(name);
    edits.push([statement.start, statement.start, `var ${name} = `]);
    edits.push([statement.end, statement.end, ";"]);
  } else {
    found.lexical.push(name);
  }
}

// A cell exports to nobody: what is left is the declaration, and that the other module is loaded.
function visitExport({ start, end, declaration, source }, found, edits, isFixed) {
  if (declaration) {
    edits.push([start, declaration.start, ""]);
    return visit(declaration, found, edits, isFixed);
  }
  edits.push([start, end, source ? `await import(${source.raw}); undefined;` : "undefined;"]);
  return Boolean(source);
}

// What has a name is declared; else it is an expression, which may have parentheses that no node has.
function visitDefault({ start, declaration }, found, edits, isFixed) {
  const keywords = [start, start + DEFAULT.exec(found.code.slice(start))[0].length];
  if (declaration.type.endsWith("Declaration") && declaration.id !== null) {
    edits.push([...keywords, ""]);
    return visit(declaration, found, edits, isFixed);
  }
  edits.push([...keywords, "("], [declaration.end, declaration.end, ")"]);
  return false;
}

function importExpression(statement, found) {
  const options = statement.attributes?.length
    ? `, {with: {${statement.attributes.map(({ key, value }) => `${key.raw ?? key.name}: ${value.raw}`).join(", ")}}}`
    : "";
  const loading = `await import(${statement.source.raw}${options})`;
  const named = [];
  let space;
  for (const { type, local, imported } of statement.specifiers) {
    found.lexical.push(local.name);
    if (type === "ImportNamespaceSpecifier") {
      space = local.name;
    } else {
      const name = type === "ImportDefaultSpecifier" ? "default" : (imported.raw ?? imported.name);
      named.push(`${name}: ${local.name}`);
    }
  }
  if (!statement.specifiers.length) {
    return `${loading}; undefined;`;
  }
  if (space === undefined) {
    return `const {${named.join(", ")}} = ${loading};`;
  }
  return named.length ? `const ${space} = ${loading}, {${named.join(", ")}} = ${space};` : `const ${space} = ${loading};`;
}

function collectNames(pattern, names) {
  switch (pattern?.type) {
    case "Identifier":
      names.push(pattern.name);
      break;
    case "ObjectPattern":
      for (const property of pattern.properties) {
        collectNames(property.type === "RestElement" ? property.argument : property.value, names);
      }
      break;
    case "ArrayPattern":
      for (const element of pattern.elements) {
        collectNames(element?.type === "RestElement" ? element.argument : element, names);
      }
      break;
    case "AssignmentPattern":
      collectNames(pattern.left, names);
      break;
    default:
  }
}

function children(node) {
  return Object.values(node).flatMap((value) =>
    Array.isArray(value) ? value.filter((each) => typeof each?.type === "string") : typeof value?.type === "string" ? [value] : [],
  );
}

const isFunction = (node) => FUNCTIONS.has(node.type);

function awaits(node) {
  if (node.type === "AwaitExpression" || (node.type === "ForOfStatement" && node.await)) {
    return true;
  }
  if (node.type === "VariableDeclaration" && node.kind === "await using") {
    return true;
  }
  return !isFunction(node) && node.type !== "StaticBlock" && children(node).some(awaits);
}

function collectVars(node, names) {
  if (node.type === "VariableDeclaration" && node.kind === "var") {
    for (const { id } of node.declarations) {
      collectNames(id, names);
    }
  }
  if (!isFunction(node) && node.type !== "StaticBlock") {
    for (const child of children(node)) {
      collectVars(child, names);
    }
  }
}

// Edits do not overlap; lines keep their numbers.
function apply(code, edits) {
  let result = code;
  for (const [start, end, text] of edits.toSorted((a, b) => b[0] - a[0])) {
    const missing = code.slice(start, end).split("\n").length - text.split("\n").length;
    result = result.slice(0, start) + text + "\n".repeat(Math.max(missing, 0)) + result.slice(end);
  }
  return result;
}

export const isModule = (source) => {
  try {
    const tree = parse(source, { ecmaVersion: "latest", sourceType: "module", allowHashBang: true });
    return tree.body.some((node) => /^(?:Import|Export)/.test(node.type)) || /\bimport\.meta\b/.test(source) || awaits(tree);
  } catch {
    return /^\s*(?:import|export)\b/m.test(source);
  }
};
