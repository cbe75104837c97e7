import { connect } from 'node:net';

/**
 * What is on a port. `free`: nothing listens. `silent`: something does and gave no answer in time.
 * `foreign`: not a Redis that lets us ask. Else a Redis: whether it serves already (it may still be
 * loading), and the directory it works in.
 */
export type Probe = 'free' | 'silent' | 'foreign' | { readonly ready: boolean; readonly directory: string };

/** Asks what is on a loopback port. A Redis that loads answers, too. Never rejects. */
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
      // 'close' follows
      if ('code' in error && error.code === 'ECONNREFUSED') otherwise = 'free';
    });
    socket.on('close', () => {
      clearTimeout(timer);
      const directory = /\r\n\$3\r\ndir\r\n\$\d+\r\n([^\r]*)\r\n/.exec(answer)?.[1];
      done(directory === undefined ? otherwise : { ready: answer.startsWith('+PONG'), directory });
    });
  });
}
