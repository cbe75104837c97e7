// Sends 240 requests of 24 tenants in random order, one after the other, and counts the hits of the cache:
//   node load.ts http://localhost:5000 tenant    the key is the tenant
//   node load.ts http://localhost:5000 random    the key is random, as with most load balancers
import { RingpostClient } from 'ringpost/client';

const [url = 'http://localhost:5000', mode = 'tenant'] = process.argv.slice(2);
const client = new RingpostClient(url);
const requests = 240;
const counts = new Map(
  `acme bolt cafe dino echo fern gold hive iris jazz kiwi lark
   mint nova opal pine quiz rose sage tide unit vega wind yoga`
    .split(/\s+/)
    .map((name) => [name, { hit: 0, miss: 0 }]),
);

// The same numbers in each run, so that the result is the same too.
let seed = 1;
const random = (): number => (seed = (seed * 48_271) % 2_147_483_647);

for (let sent = 0; sent < requests; sent += 1) {
  const [tenant, count] = [...counts][random() % counts.size] ?? [];
  if (tenant === undefined || count === undefined) continue;
  const key = mode === 'tenant' ? tenant : String(random());
  const response = await client.request(`/tenants/${tenant}`, { key });
  const { cache } = (await response.json()) as { cache: 'hit' | 'miss' };
  count[cache] += 1;
}

const cells = Array.from(counts, ([name, { hit, miss }]) => `${name} ${hit}/${hit + miss}`.padEnd(12));
console.log(`hits/requests of each tenant, with the key "${mode}":`);
for (let at = 0; at < cells.length; at += 6)
  console.log(
    cells
      .slice(at, at + 6)
      .join('')
      .trimEnd(),
  );
const hits = Array.from(counts.values()).reduce((sum, { hit }) => sum + hit, 0);
console.log(`${hits} of ${requests} requests were hits: ${Math.round((100 * hits) / requests)} %`);
