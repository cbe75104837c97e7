import { computed, signal } from '@preact/signals';
import type { ReadonlySignal, Signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { ReplicaWeightView } from '#shared/contract/api/replicas.ts';
import { maxWeight } from '#shared/contract/max-weight.ts';
import { call } from '../data/call.ts';
import { Field } from '../parts/field.tsx';
import { ask } from '../parts/question.tsx';
import { PlanPreview } from './plan-preview.tsx';

interface Weighted {
  readonly name: string;
  readonly weight: number;
}

/** Asks for another weight of a replica, and shows what it would move. */
export function askWeight({ name, weight }: Weighted): void {
  const text = signal(String(weight));
  const wanted = computed(() => Number(text.value));
  const isComplete = computed(() => isWeight(wanted.value) && wanted.value !== weight);
  ask({
    title: `Change the weight of ${name}?`,
    body: <WeightField name={name} weight={weight} text={text} wanted={wanted} isComplete={isComplete} />,
    confirm: 'Change the weight',
    isComplete,
    run: async () => {
      const path = `/-/api/replicas/${encodeURIComponent(name)}/weight`;
      const changed = await call<ReplicaWeightView>('PUT', path, { body: { weight: wanted.value } });
      return `${name} has the weight ${changed.weight}.`;
    },
  });
}

function isWeight(value: number): boolean {
  return Number.isInteger(value) && value >= 1 && value <= maxWeight;
}

interface FieldProps extends Weighted {
  readonly text: Signal<string>;
  readonly wanted: ReadonlySignal<number>;
  readonly isComplete: ReadonlySignal<boolean>;
}

function WeightField({ name, weight, text, wanted, isComplete }: FieldProps): JSX.Element {
  return (
    <>
      <p>
        A replica of the weight 2 owns twice as many keys as one of the weight 1, and takes twice its part of
        the load before requests spill. {name} has the weight {weight}.
      </p>
      <div class="fields">
        <Field
          label="Weight"
          type="number"
          min={1}
          max={maxWeight}
          value={text.value}
          onValue={(value) => {
            text.value = value;
          }}
        />
      </div>
      {isComplete.value ? (
        <PlanPreview query={`weight=${encodeURIComponent(`${name}:${wanted.value}`)}`} />
      ) : (
        <p class="soft">Give another whole number from 1 to {maxWeight}.</p>
      )}
    </>
  );
}
