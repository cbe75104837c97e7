import { rarely } from './choices.ts';
import type { Choices } from './choices.ts';
import { kinds } from './kinds.ts';
import type { Kind } from './kinds.ts';

/** What a schedule begins with. */
export interface World {
  readonly name: string;
  readonly replicas: number;
  readonly gateways: number;
  readonly settings: Readonly<Record<string, string>>;
  /** A client sends only when all requests before its own are answered. */
  readonly paced?: boolean;
  readonly requests: readonly { readonly kind: Kind; readonly key: string }[];
}

/** The kinds of request that meet in a schedule. With few kinds, more of them meet. */
const themes: readonly (readonly string[])[] = [
  ['get'],
  ['post'],
  ['get', 'post'],
  ['async-post'],
  ['async-get', 'async-post'],
  ['idempotent-post'],
  ['ordered-post'],
  ['limited-get'],
  ['retried-get'],
  kinds.map(({ name }) => name),
];

/** Draws the world of a schedule. The simplest is one gateway, two replicas and one GET. */
export function drawWorld(choices: Choices): World {
  const gateways = 1 + choices.draw(2, rarely(0.3));
  const replicas = 2 + choices.draw(2, rarely(0.2));
  const respawn = choices.draw(2, rarely(0.2)) === 1 ? 'new' : 'same';
  const names = themes[choices.draw(themes.length)] ?? [];
  const theme = kinds.filter(({ name }) => names.includes(name));
  const count = 1 + choices.draw(5);
  const requests = Array.from({ length: count }, () => {
    const kind = theme[choices.draw(theme.length)];
    if (kind === undefined) throw new Error('a theme has no kinds');
    // The hash key is a part of the scope of an idempotency key.
    return { kind, key: kind.shared ? 'a' : (['a', 'b', 'c'][choices.draw(3)] ?? 'a') };
  });
  const paced = choices.draw(2, rarely(0.3)) === 1;
  const shown = requests.map(({ kind: { name }, key }) => `${name}:${key}`);
  return {
    name: `${gateways} gateways, ${replicas} replicas, respawn ${respawn}, ${paced ? 'paced, ' : ''}${shown.join(' ')}`,
    paced,
    replicas,
    gateways,
    requests,
    settings: { RESPAWN: respawn, CONCURRENCY: '2' },
  };
}
