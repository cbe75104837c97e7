import { dirname, join, normalize } from 'node:path';

/** The pages that a user of the package needs at hand. The others would make it larger than it may be. */
export const pages = [
  'README.md',
  ...[
    'cli',
    'command',
    'dev',
    'errors',
    'guarantees',
    'handlers',
    'operations',
    'package',
    'requests',
    'settings',
    'upstream',
  ].map((name) => `docs/${name}.md`),
];

/** What links of the pages may name. */
const shipped: ReadonlySet<string> = new Set([...pages, 'LICENSE', 'CHANGELOG.md']);

/**
 * @param page its path in the package.
 * @returns the text of a page, with plain words instead of links to files that are not in the package.
 */
export function withoutDeadLinks(page: string, text: string): string {
  return text.replace(/\[([^\]]+)\]\(([^)\s]+)\)/g, (link: string, label: string, target: string) => {
    const [path = ''] = target.split('#');
    const isHere = path === '' || shipped.has(normalize(join(dirname(page), path)));
    return /^[a-z]+:/.test(target) || isHere ? link : label;
  });
}
