import { parseAst } from 'rolldown/parseAst';
import { mutantOf } from './mutant.ts';
import type { Mutant } from './mutant.ts';

/** A node of the syntax tree (ESTree), of which only the place and the kind are known. */
interface Node {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly [field: string]: unknown;
}

/** What stands instead of an operator. A comparison is tried at its boundary, and as its opposite. */
const otherOperators: Readonly<Record<string, readonly string[]>> = {
  '<': ['<=', '>='],
  '<=': ['<', '>'],
  '>': ['>=', '<='],
  '>=': ['>', '<'],
  '===': ['!=='],
  '!==': ['==='],
  '+': ['-'],
  '-': ['+'],
  '*': ['/'],
  '/': ['*'],
  '%': ['*'],
  '&': ['|'],
  '|': ['&'],
  '^': ['&'],
  '<<': ['>>'],
  '>>': ['<<'],
  '>>>': ['<<'],
  '&&': ['||'],
  '||': ['&&'],
  '??': ['&&'],
  '+=': ['-='],
  '-=': ['+='],
  '*=': ['/='],
  '||=': ['&&='],
  '++': ['--'],
  '--': ['++'],
};

const otherMethods = new Map(
  Object.entries({
    some: 'every',
    every: 'some',
    min: 'max',
    max: 'min',
    floor: 'ceil',
    ceil: 'floor',
    startsWith: 'endsWith',
    endsWith: 'startsWith',
    toLowerCase: 'toUpperCase',
  }),
);

/** Methods that give back a value like the one they are called on, so that the call can be left out. */
const omittedMethods = new Set(['filter', 'trim', 'toSorted', 'toReversed', 'slice', 'reverse', 'sort']);

/** @returns every mutant of a TypeScript file. Types, imports and the texts of errors are left alone. */
export function typescriptMutants(file: string, source: string): Mutant[] {
  const found: Mutant[] = [];
  const add = (start: number, end: number, text: string): void => {
    const before = source.slice(start, end);
    if (before !== text && !(before === 'undefined' && text.includes(before)))
      found.push(mutantOf(file, source, start, end, text));
  };
  visit(parseAst(source, { lang: 'ts' }, file) as unknown as Node, (node) => mutateNode(node, source, add));
  return found;
}

type Add = (start: number, end: number, text: string) => void;

/** @returns whether the parts of this node are looked at too. */
function mutateNode(node: Node, source: string, add: Add): boolean {
  if (/^(TS(?!As|NonNull|Satisfies)|Import|ExportAll)/.test(node.type)) return false;
  if (node['optional'] === true) addStrictChain(node, source, add);
  const part = (name: string): Node => node[name] as Node;
  switch (node.type) {
    case 'BinaryExpression':
    case 'LogicalExpression':
    case 'AssignmentExpression': {
      const from = part('left').end;
      const operator = String(node['operator']);
      const at = source.indexOf(operator, from);
      for (const other of otherOperators[operator] ?? []) add(at, at + operator.length, other);
      return true;
    }
    case 'UpdateExpression': {
      const operator = String(node['operator']);
      const at = node['prefix'] === true ? node.start : node.end - 2;
      add(at, at + 2, otherOperators[operator]?.[0] ?? operator);
      return true;
    }
    case 'UnaryExpression':
      if (node['operator'] === '!' || node['operator'] === '-') add(node.start, node.start + 1, ' ');
      return true;
    case 'IfStatement':
    case 'ConditionalExpression':
      for (const value of ['true', 'false']) add(part('test').start, part('test').end, value);
      return true;
    case 'WhileStatement':
      add(part('test').start, part('test').end, 'false');
      return true;
    case 'Literal':
      mutateLiteral(node, add);
      return true;
    case 'TemplateLiteral':
      add(node.start, node.end, '``');
      return true;
    case 'ArrayExpression':
      add(node.start, node.end, '[]');
      return true;
    case 'ExpressionStatement':
    case 'BreakStatement':
    case 'ContinueStatement':
      add(node.start, node.end, ';');
      return true;
    case 'ReturnStatement':
      // After `satisfies never`, nothing is returned.
      if (node['argument'] !== null && part('argument').type !== 'TSSatisfiesExpression')
        add(part('argument').start, part('argument').end, 'undefined as never');
      return true;
    case 'ArrowFunctionExpression':
      if (part('body').type !== 'BlockStatement')
        add(part('body').start, part('body').end, '(undefined as never)');
      return true;
    case 'CallExpression':
      mutateCall(node, source, add);
      return true;
    // The text of an error is for people.
    case 'ThrowStatement':
      add(node.start, node.end, ';');
      return false;
    default:
      return true;
  }
}

/** Takes `?.` as `.`: what may be missing is then expected to be there. */
function addStrictChain(node: Node, source: string, add: Add): void {
  const from = ((node['object'] ?? node['callee']) as Node).end;
  const at = source.indexOf('?.', from);
  add(at, at + 2, node['computed'] === true || node.type === 'CallExpression' ? '' : '.');
}

function mutateLiteral(node: Node, add: Add): void {
  const { value } = node;
  if (typeof value === 'boolean') add(node.start, node.end, String(!value));
  if (typeof value === 'number') add(node.start, node.end, String(value + 1));
  if (typeof value === 'string') add(node.start, node.end, value === '' ? "'mutant'" : "''");
}

function mutateCall(node: Node, source: string, add: Add): void {
  const callee = node['callee'] as Node;
  if (callee.type !== 'MemberExpression' || callee['computed'] === true) return;
  const property = callee['property'] as Node;
  const name = source.slice(property.start, property.end);
  const other = otherMethods.get(name);
  if (other !== undefined) add(property.start, property.end, other);
  if (omittedMethods.has(name)) add((callee['object'] as Node).end, node.end, '');
}

/** Calls `look` for a node and, if that returns true, for the nodes within it. */
function visit(node: Node, look: (node: Node) => boolean): void {
  if (!look(node)) return;
  for (const [name, value] of Object.entries(node)) {
    // A name before a colon, and the types of what follows.
    if (name === 'key' && node['computed'] !== true) continue;
    for (const each of Array.isArray(value) ? value : [value]) if (isNode(each)) visit(each, look);
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value;
}
