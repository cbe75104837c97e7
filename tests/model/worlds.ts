/** A world that a model is checked in. */
export interface World {
  /** The file in docs/model, without its ending. */
  readonly model: string;
  readonly name: string;
  /** Macros of the model. */
  readonly defines: readonly string[];
}

/** Guards that are switched off, and a world in which that is found. */
export interface MissingGuard extends World {
  /** What must be missing together: each of the guards alone is enough. */
  readonly off: readonly string[];
}

const world = (model: string, name: string, ...defines: readonly string[]): World => ({
  model,
  name,
  defines,
});

/** Small worlds, each searched completely. */
export const shortWorlds: readonly World[] = [
  world('delivery', 'one unsafe request, one fault', 'KIND0=unsafe', 'FAULTS=1'),
  world('delivery', 'one safe request, one fault', 'KIND0=safe', 'FAULTS=1'),
  world('delivery', 'one kept request, one fault', 'KIND0=kept', 'FAULTS=1'),
  world(
    'delivery',
    'the client leaves, the replica is removed',
    'KIND0=unsafe',
    'FAULTS=1',
    'ROLLOUTS=0',
    'REMOVAL',
    'LEAVES',
  ),
  world('records', 'two requests of one key, no fault', 'FAULTS=0'),
  world('moves', 'a request with a record, two faults', 'FAULTS=2'),
  world('moves', 'a client waits, two faults', 'FAULTS=2', 'WAITS'),
  world('suspects', 'one killer, two faults', 'FAULTS=2'),
  world('streams', 'a live stream, two faults', 'FAULTS=2'),
  world('kept', 'a kept stream, two faults', 'FAULTS=2'),
  world('failover', 'a failover, three faults', 'FAULTS=3'),
  world('direct-delivery', 'one unsafe request, two expired leases'),
  world('joining', 'two workers of one name, no fault', 'FAULTS=0', 'STARTS=2'),
  world('joining', 'the name is removed, no fault', 'FAULTS=0', 'STARTS=2', 'STOPS=1', 'REMOVAL'),
  world('joining', 'an operator has added the name', 'FAULTS=0', 'STARTS=2', 'OPERATED'),
  world('sleep', 'two requests, two faults', 'FAULTS=2'),
  world('sleep', 'without passes, no fault', 'FAULTS=0', 'NO_PASS'),
];

/** More small worlds, each searched completely. */
export const moreWorlds: readonly World[] = [
  world('delivery', 'one unsafe request, two faults', 'KIND0=unsafe', 'FAULTS=2', 'ROLLOUTS=0'),
  world('delivery', 'one safe request, two faults', 'KIND0=safe', 'FAULTS=2', 'ROLLOUTS=0'),
  world('delivery', 'unsafe and safe, one fault', 'REQUESTS=2', 'FAULTS=1', 'ROLLOUTS=0'),
  world('delivery', 'two unsafe requests, one fault', 'REQUESTS=2', 'KIND1=unsafe', 'FAULTS=1'),
  world(
    'delivery',
    'safe, the replica is removed',
    'KIND0=safe',
    'FAULTS=1',
    'ROLLOUTS=0',
    'REMOVAL',
    'LEAVES',
  ),
  world('records', 'two requests of one key, one fault', 'FAULTS=1'),
  world('suspects', 'one killer, three faults', 'FAULTS=3'),
  world('suspects', 'two killers, two faults', 'FAULTS=2', 'KILLERS=2'),
  world('suspects', 'no killer, four faults', 'FAULTS=4', 'KILLERS=0'),
  world('suspects', 'slow runs, one fault', 'FAULTS=1', 'SLOW'),
  world('streams', 'a live stream, four faults', 'FAULTS=4'),
  world('kept', 'a kept stream, three faults', 'FAULTS=3'),
  world('failover', 'a failover, five faults', 'FAULTS=5'),
  world('moves', 'a request with a record, three faults', 'FAULTS=3'),
  world('joining', 'three workers of one name, no fault', 'FAULTS=0'),
  world('joining', 'two workers of one name, one fault', 'FAULTS=1', 'STARTS=2', 'STOPS=1'),
  world('sleep', 'two requests, four faults', 'FAULTS=4'),
];

/** Larger worlds, searched by bitstate for a limited time. */
export const largeWorlds: readonly World[] = [
  world('delivery', 'two requests, two faults, a rollout', 'REQUESTS=2', 'FAULTS=2'),
  world(
    'delivery',
    'one unsafe request, four faults, two rollouts',
    'KIND0=unsafe',
    'FAULTS=4',
    'ROLLOUTS=2',
  ),
  world('delivery', 'one safe request, three faults, removal', 'KIND0=safe', 'FAULTS=3', 'REMOVAL', 'LEAVES'),
  world('delivery', 'one kept request, three faults', 'KIND0=kept', 'FAULTS=3'),
  world('records', 'two requests of one key, three faults', 'FAULTS=3'),
  world('suspects', 'two killers, four faults', 'FAULTS=4', 'KILLERS=2'),
];
