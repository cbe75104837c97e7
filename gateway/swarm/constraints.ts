import type { SwarmNode } from './swarm-objects.ts';

const form = /^\s*([a-zA-Z0-9_.-]+)\s*(==|!=)\s*(.+?)\s*$/;

/** @returns whether Swarm takes this text as a placement constraint. */
export function isConstraint(text: string): boolean {
  return form.test(text) && /^\s*(node|engine)\./.test(text);
}

/**
 * @returns whether a node fulfils placement constraints, compared as Swarm does: without case. One on a
 * property that is not known here counts as fulfilled; Swarm has the last word.
 */
export function fulfils(node: SwarmNode, constraints: readonly string[]): boolean {
  return constraints.every((constraint) => {
    const [, key = '', operator, value = ''] = form.exec(constraint) ?? [];
    const actual = propertyOf(node, key);
    if (actual === undefined) return true;
    return (actual.toLowerCase() === value.toLowerCase()) === (operator === '==');
  });
}

function propertyOf({ ID, Spec, Description }: SwarmNode, key: string): string | undefined {
  const labelOf = (prefix: string, labels: Readonly<Record<string, string>> | undefined): string =>
    labels?.[key.slice(prefix.length)] ?? '';
  if (key.startsWith('node.labels.')) return labelOf('node.labels.', Spec.Labels);
  if (key.startsWith('engine.labels.')) return labelOf('engine.labels.', Description.Engine?.Labels);
  switch (key) {
    case 'node.id':
      return ID;
    case 'node.hostname':
      return Description.Hostname;
    case 'node.role':
      return Spec.Role;
    case 'node.platform.os':
      return Description.Platform?.OS;
    default:
      return undefined;
  }
}
