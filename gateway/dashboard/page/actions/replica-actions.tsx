import { computed, signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { ApiReplicaAnswer, ReplicaActionView } from '#shared/contract/api/replicas.ts';
import { call } from '../data/call.ts';
import { overview } from '../data/stream.ts';
import { Field } from '../parts/field.tsx';
import type { MenuItem } from '../parts/menu.tsx';
import { ask } from '../parts/question.tsx';
import { counted } from '../words/numbers.ts';
import { PlanPreview } from './plan-preview.tsx';
import { askWeight } from './weight-action.tsx';

/** A replica as far as its actions depend on it. */
type Replica = Pick<ApiReplicaAnswer, 'name' | 'state' | 'hold' | 'depths'> & {
  readonly inRing?: boolean;
  readonly ejected?: string | null;
  readonly weight?: number;
};

/** @returns what can be done with a replica that is desired. */
export function replicaActions(replica: Replica): readonly MenuItem[] {
  const { name, hold, ejected = null, weight } = replica;
  const isOut = hold === 'drained' || ejected !== null;
  // The shares of that ring are exact, so there are no weights.
  const hasWeights = overview.value?.ring.strategy !== 'assignment';
  return [
    hold === 'paused'
      ? { label: 'Resume …', run: () => askResume(replica) }
      : { label: 'Pause …', run: () => askPause(replica) },
    isOut
      ? { label: 'Put back into the ring …', run: () => askResume(replica) }
      : { label: 'Drain …', run: () => askDrain(replica) },
    { label: 'Restart …', run: () => askRestart(replica) },
    ...(weight === undefined || !hasWeights
      ? []
      : [{ label: 'Change weight …', run: () => askWeight({ name, weight }) }]),
    { label: 'Remove …', run: () => askRemove(replica), tone: 'danger' },
  ];
}

async function act(name: string, action: string): Promise<void> {
  await call<ReplicaActionView>('POST', `/-/api/replicas/${encodeURIComponent(name)}/${action}`);
}

/** What waits and runs at a replica, as it is while the question is open. */
function Holdings({ replica }: { readonly replica: Replica }): JSX.Element {
  const shown = overview.value?.replicas.find(({ name }) => name === replica.name) ?? replica;
  const { waiting, prioritized, delayed, active, streams } = shown.depths;
  const [waits, runs] = [waiting + prioritized + delayed, active + streams];
  return (
    <p>
      {counted(waits, 'request')} {waits === 1 ? 'waits' : 'wait'} there now, and {runs}{' '}
      {runs === 1 ? 'runs' : 'run'}.
    </p>
  );
}

function askPause(replica: Replica): void {
  const { name } = replica;
  ask({
    title: `Pause ${name}?`,
    body: (
      <>
        <p>
          {name} stays in the ring and keeps its keys. It starts no request until it is resumed: they wait,
          and those that time out get a 504.
        </p>
        <Holdings replica={replica} />
      </>
    ),
    confirm: `Pause ${name}`,
    run: async () => {
      await act(name, 'pause');
      return `${name} is paused.`;
    },
  });
}

function askResume(replica: Replica): void {
  const { name, hold, ejected = null } = replica;
  const isDrained = hold === 'drained' || ejected !== null;
  ask({
    title: isDrained ? `Put ${name} back into the ring?` : `Resume ${name}?`,
    body: (
      <>
        <p>
          {isDrained
            ? `${name} gets the keys again that it owned before it left the ring.`
            : `${name} starts with the requests that wait.`}
        </p>
        <Holdings replica={replica} />
      </>
    ),
    confirm: isDrained ? `Put ${name} back` : `Resume ${name}`,
    run: async () => {
      await act(name, 'resume');
      return isDrained ? `${name} is on its way into the ring.` : `${name} works again.`;
    },
  });
}

function askDrain({ name }: Replica): void {
  ask({
    title: `Drain ${name}?`,
    body: (
      <>
        <p>
          {name} leaves the ring, finishes what it has, and keeps its worker. It can be put back at any time.
        </p>
        <PlanPreview query={`drain=${encodeURIComponent(name)}`} />
      </>
    ),
    confirm: `Drain ${name}`,
    run: async () => {
      await act(name, 'drain');
      return `${name} is leaving the ring.`;
    },
  });
}

function askRestart(replica: Replica): void {
  const { name } = replica;
  ask({
    title: `Restart ${name}?`,
    body: (
      <>
        <p>
          A new worker starts and loads everything. Then the old one finishes what it runs, and the new one
          takes over {name} and its keys. What the old worker holds in memory is lost.
        </p>
        <Holdings replica={replica} />
      </>
    ),
    confirm: `Restart ${name}`,
    run: async () => {
      await act(name, 'restart');
      return `${name} is restarting.`;
    },
  });
}

/** Asks whether all replicas are to be restarted, one after the other. */
export function askRestartAll(): void {
  const names = (overview.peek()?.replicas ?? []).map(({ name }) => name);
  ask({
    title: 'Restart all replicas?',
    body: (
      <p>
        {counted(names.length, 'replica')} {names.length === 1 ? 'is' : 'are'} restarted, one after the other:
        for each, a new worker starts and loads everything, the old one finishes what it runs, and the new one
        takes over. The next replica follows when all are ready. What the old workers hold in memory is lost.
      </p>
    ),
    confirm: 'Restart all',
    run: async () => {
      const { replicas } = await call<ReplicaActionView>('POST', '/-/api/restart');
      return `${counted(replicas.length, 'replica')} will be restarted, one after the other.`;
    },
  });
}

function askRemove({ name }: Replica): void {
  ask({
    title: `Remove ${name}?`,
    body: (
      <>
        <p>
          {name} leaves the ring, finishes what it has, and its worker is stopped. What it holds in memory for
          its keys is lost.
        </p>
        <PlanPreview query={`rm=${encodeURIComponent(name)}`} />
      </>
    ),
    confirm: `Remove ${name}`,
    tone: 'danger',
    endsItsButton: true,
    run: async () => {
      await call('DELETE', '/-/api/replicas', { body: { n: 1, hostnames: [name] } });
      return `${name} is being removed.`;
    },
  });
}

const maxAtOnce = 16;

/** Asks how many replicas are to be added, and shows what each answer would move. */
export function askAdd(): void {
  const number = signal('1');
  const names = signal('');
  const hostnames = computed(() => names.value.split(/[\s,]+/).filter((name) => name !== ''));
  const n = computed(() => Math.max(Number(number.value), hostnames.value.length));
  const isComplete = computed(() => Number.isInteger(n.value) && n.value >= 1 && n.value <= maxAtOnce);
  const query = computed(() => {
    const given = hostnames.value.map((name) => `add=${encodeURIComponent(name)}`);
    const chosen = Array.from({ length: Math.max(0, n.value - given.length) }, () => 'add=*');
    return [...given, ...chosen].join('&');
  });
  ask({
    title: 'Add replicas',
    body: <AddFields number={number} names={names} query={query} isComplete={isComplete} />,
    confirm: 'Add',
    busy: 'Starting …',
    isComplete,
    run: async () => {
      await call('POST', '/-/api/replicas', { body: { n: n.value, hostnames: hostnames.value } });
      return `${counted(n.value, 'replica')} added.`;
    },
  });
}

interface AddProps {
  readonly number: { value: string };
  readonly names: { value: string };
  readonly query: { readonly value: string };
  readonly isComplete: { readonly value: boolean };
}

function AddFields({ number, names, query, isComplete }: AddProps): JSX.Element {
  return (
    <>
      <div class="fields">
        <Field
          label="How many"
          type="number"
          min={1}
          max={maxAtOnce}
          value={number.value}
          onValue={(value) => {
            number.value = value;
          }}
        />
        <Field
          label="Names (optional)"
          placeholder="ringpost chooses"
          value={names.value}
          onValue={(value) => {
            names.value = value;
          }}
        />
      </div>
      {isComplete.value ? (
        <PlanPreview query={query.value} />
      ) : (
        <p class="soft">Give a whole number from 1 to {maxAtOnce}.</p>
      )}
    </>
  );
}
