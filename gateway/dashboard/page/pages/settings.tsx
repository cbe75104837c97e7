import { signal } from '@preact/signals';
import type { JSX } from 'preact';
import type { SettingsView, SettingView } from '#shared/contract/api/system.ts';
import { useResource } from '../data/resource.ts';
import { overview } from '../data/stream.ts';
import { PageHead } from '../parts/card.tsx';
import { Field, Segments } from '../parts/field.tsx';
import { Empty, Loaded } from '../parts/note.tsx';
import { Pill } from '../parts/pill.tsx';

const text = signal('');
const which = signal('changed');

/** The settings in force at the gateway that answers, and where they are from. */
export function Settings(): JSX.Element {
  const settings = useResource<SettingsView>('/-/api/settings');
  return (
    <>
      <PageHead
        title="Settings"
        lead={
          <>
            In force at gateway {overview.value?.gateway ?? '…'}. They are changed in the environment or in{' '}
            <code>ringpost.config.ts</code>, and read when it starts.
          </>
        }
      />
      <section class="card flush" aria-label="Settings">
        <div class="filters" role="search">
          <Field
            label="Name or meaning"
            type="search"
            value={text.value}
            onValue={(value) => {
              text.value = value;
            }}
          />
          <Segments
            label="Which settings"
            value={which.value}
            options={['changed', 'all']}
            onValue={(value) => {
              which.value = value;
            }}
          />
        </div>
        <Loaded from={settings}>{(view) => <Table settings={view.settings} />}</Loaded>
      </section>
    </>
  );
}

function Table({ settings }: { readonly settings: readonly SettingView[] }): JSX.Element {
  const wanted = text.value.trim().toLowerCase();
  const shown = settings.filter(
    ({ name, help, source }) =>
      (which.value === 'all' || wanted !== '' || source !== 'default') &&
      `${name} ${help}`.toLowerCase().includes(wanted),
  );
  if (shown.length === 0)
    return (
      <Empty title={wanted === '' ? 'All settings have their defaults.' : 'No setting fits.'}>
        Choose all to see the {settings.length} that there are.
      </Empty>
    );
  return (
    <table class="settings">
      <caption class="unseen">Settings in force</caption>
      <thead>
        <tr>
          <th scope="col">setting</th>
          <th scope="col">value</th>
          <th scope="col" class="mid">
            from
          </th>
        </tr>
      </thead>
      <tbody>
        {shown.map((setting) => (
          <tr key={setting.name}>
            <th scope="row">
              <code>{setting.name}</code>
              <p class="soft">{setting.help}</p>
            </th>
            <td class="mono break">
              <Value setting={setting} />
            </td>
            <td class="mid">
              {setting.source === 'default' ? <span class="soft">default</span> : setting.source}
              {setting.source !== 'default' && setting.default !== null && (
                <p class="soft">default {setting.default === '' ? 'empty' : setting.default}</p>
              )}
            </td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

function Value({ setting: { secret, value } }: { readonly setting: SettingView }): JSX.Element {
  if (secret && value === null) return <Pill tone="calm">secret, set</Pill>;
  if (value === null) return <span class="soft">unset</span>;
  return value === '' ? <span class="soft">empty</span> : <>{value}</>;
}
