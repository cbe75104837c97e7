import { describe, expect, it } from 'vitest';
import { readersAmong } from '#shared/store/queue/event-readers.ts';

const base64 = (queue: string): string => Buffer.from(queue).toString('base64');
const client = (name: string, command: string): string =>
  `id=7 addr=127.0.0.1:4711 laddr=127.0.0.1:6379 fd=9 name=${name} age=3 idle=0 flags=b db=0 ` +
  `tot-mem=22272 events=r cmd=${command} user=default redir=-1 resp=3 lib-name= lib-ver=\n`;

describe('readersAmong', () => {
  it('finds the queues of connections that BullMQ has named', () => {
    const clients = [
      client(`ringpost:${base64('{S1}')}:qe`, 'xread'),
      client(`ringpost:${base64('{S2}')}:qe`, 'client|setname'),
      client(`ringpost:${base64('{S3}')}`, 'bzpopmin'),
      client('', 'client|list'),
    ];
    expect(readersAmong(clients.join(''), 'ringpost')).toEqual({ replicas: ['S1', 'S2'], others: false });
  });

  it('ignores readers of other namespaces, and of queues that no replica has', () => {
    const clients = [
      client(`other:${base64('{S1}')}:qe`, 'xread'),
      client(`ringpost-2:${base64('{S1}')}:qe`, 'xread'),
      client(`ringpost:${base64('mails')}:qe`, 'xread'),
      client('ringpost::qe', 'xread'),
    ];
    expect(readersAmong(clients.join(''), 'ringpost')).toEqual({ replicas: [], others: false });
  });

  it('knows the prefix of a Cluster, which has braces', () => {
    const clients = client(`{ringpost}:${base64('{S1}')}:qe`, 'xread');
    expect(readersAmong(clients, '{ringpost}').replicas).toEqual(['S1']);
  });

  it('sees that somebody reads a stream on a connection without a name, or with one of its own', () => {
    expect(readersAmong(client('', 'xread'), 'ringpost').others).toBe(true);
    expect(readersAmong(client(`ringpost:${base64('{S1}')}`, 'xread'), 'ringpost').others).toBe(true);
    expect(readersAmong(client('', 'get'), 'ringpost').others).toBe(false);
  });
});
