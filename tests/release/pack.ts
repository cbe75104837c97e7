/** `npm run release:pack`: builds the npm package in `dist`, and packs it. */
import { relative } from 'node:path';
import { pack } from './build.ts';

const { file, bytes, unpackedBytes, files } = await pack();
const kB = (size: number): string => `${(size / 1000).toFixed(0)} kB`;
process.stdout.write(
  `${relative(process.cwd(), file)}: ${kB(bytes)} packed, ${kB(unpackedBytes)} unpacked, ${files} files\n`,
);
