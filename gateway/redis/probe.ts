import { connect } from 'node:net';

/**
 * What is on a port. `free`: no program listens. `silent`: a program listens but did not answer in time.
 * `locked`: it asks for a password, as a private Redis does. `foreign`: another program. Else a Redis without
 * a password, from an earlier release: the directory in which it works.
 */
export type Probe = 'free' | 'silent' | 'locked' | 'foreign' | { readonly directory: string };

/**
 * Asks what is on a loopback port, without a password: another user's program may listen there. A Redis that
 * is loading answers too. Never rejects.
 */
export function probe(port: number, timeoutMs = 1000): Promise<Probe> {
  return new Promise((done) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let answer = '';
    let otherwise: Probe = 'foreign';
    const timer = setTimeout(() => {
      otherwise = 'silent';
      socket.destroy();
    }, timeoutMs);
    socket.setEncoding('utf8');
    socket.on('connect', () => socket.write('PING\r\nCONFIG GET dir\r\nQUIT\r\n'));
    socket.on('data', (text: string) => {
      answer += text;
      if (answer.length > 10_000) socket.destroy();
    });
    socket.on('error', (error) => {
      // `close` follows.
      if ('code' in error && error.code === 'ECONNREFUSED') otherwise = 'free';
    });
    socket.on('close', () => {
      clearTimeout(timer);
      const directory = /\r\n\$3\r\ndir\r\n\$\d+\r\n([^\r]*)\r\n/.exec(answer)?.[1];
      if (directory !== undefined) done({ directory });
      else done(answer.startsWith('-NOAUTH') ? 'locked' : otherwise);
    });
  });
}
