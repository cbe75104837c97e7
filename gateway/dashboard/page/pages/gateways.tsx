import type { JSX } from 'preact';
import type { GatewaysView, GatewayView } from '#shared/contract/api/system.ts';
import { useResource } from '../data/resource.ts';
import { overview } from '../data/stream.ts';
import { Ago, Since } from '../parts/ago.tsx';
import { PageHead } from '../parts/card.tsx';
import { Empty, Loaded } from '../parts/note.tsx';
import { Pill } from '../parts/pill.tsx';
import { bytes, count, duration, rate } from '../words/numbers.ts';

/** How often the page reads them again, in ms. */
const everyMs = 3000;

/** The processes with a gateway or a controller. */
export function Gateways(): JSX.Element {
  const gateways = useResource<GatewaysView>('/-/api/gateways', { everyMs });
  return (
    <>
      <PageHead title="Gateways" lead="Processes that take requests, and controllers, one of which leads." />
      <section class="card flush" aria-label="Gateways">
        <Loaded from={gateways}>
          {(view) =>
            view.gateways.length === 0 ? (
              <Empty title="No gateway has reported.">They report every few seconds. Wait a moment.</Empty>
            ) : (
              <Table gateways={view.gateways} />
            )
          }
        </Loaded>
      </section>
    </>
  );
}

function Table({ gateways }: { readonly gateways: readonly GatewayView[] }): JSX.Element {
  const columns = [
    ['name', ''],
    ['address', 'mid'],
    ['version', 'mid'],
    ['up for', 'n'],
    ['req/s', 'n'],
    ['in flight', 'n'],
    ['held', 'n wide'],
    ['memory', 'n mid'],
    ['heap', 'n wide'],
    ['lag', 'n mid'],
    ['process', 'n wide'],
    ['reported', 'n wide'],
  ] as const;
  return (
    <div class="scroll-x" role="group" aria-label="Gateways" tabIndex={0}>
      <table>
        <caption class="unseen">Gateways and controllers</caption>
        <thead>
          <tr>
            {columns.map(([label, name]) => (
              <th key={label} scope="col" class={name}>
                {label}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {gateways.map((gateway) => (
            <Row key={gateway.name} gateway={gateway} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

const roles = { gateway: 'gateway', controller: 'controller', both: 'gateway and controller' } as const;

function Row({ gateway }: { readonly gateway: GatewayView }): JSX.Element {
  const { name, role, leads, address, version, since, at, host, pid } = gateway;
  const isThis = overview.value?.gateway === name;
  return (
    <tr>
      <th scope="row">
        <span class="nowrap">{name}</span> {leads && <Pill tone="good">leads</Pill>}
        {isThis && <Pill tone="info">this one</Pill>}
        <span class="soft sub">{roles[role]}</span>
      </th>
      <td class="mid mono">{address ?? '–'}</td>
      <td class="mid">{version}</td>
      <td class="n">
        <Since at={since} />
      </td>
      <td class="n">{rate(gateway.requestsPerS)}</td>
      <td class="n">{count(gateway.inFlight)}</td>
      <td class="n wide">{bytes(gateway.heldBytes)}</td>
      <td class="n mid">{bytes(gateway.rssBytes)}</td>
      <td class="n wide">{bytes(gateway.heapBytes)}</td>
      <td class="n mid">{duration(gateway.eventLoopLagMs)}</td>
      <td class="n wide">
        {pid}@{host}
      </td>
      <td class="n wide">
        <Ago at={at} />
      </td>
    </tr>
  );
}
