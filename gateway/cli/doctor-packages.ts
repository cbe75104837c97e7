import type { Finding } from './finding.ts';

/** Packages that only some uses of ringpost need. */
const optional = [
  { name: 'esbuild', use: '`ringpost dev`' },
  { name: '@fastify/swagger-ui', use: 'the page at /-/docs' },
] as const;

/** The oldest Node.js that runs the package. */
const minNode = [22, 19] as const;

export function checkNode(version: string): Finding {
  const [major = 0, minor = 0] = version.replace(/^v/, '').split('.').map(Number);
  const fits = major > minNode[0] || (major === minNode[0] && minor >= minNode[1]);
  const needed = minNode.join('.');
  return fits
    ? { check: 'node', level: 'ok', message: `Node.js ${version} is new enough (${needed} or newer).` }
    : {
        check: 'node',
        level: 'failed',
        message: `Node.js is ${version}; ringpost needs ${needed} or newer.`,
        advice: 'Install a newer one from https://nodejs.org.',
      };
}

export function checkPackages(): Finding[] {
  return optional.map(({ name, use }): Finding => {
    const check = `package ${name}`;
    if (isInstalled(name)) return { check, level: 'ok', message: `${name} is installed, for ${use}.` };
    return {
      check,
      level: 'skipped',
      message: `${name} is not installed; ${use} needs it: npm install ${name}`,
    };
  });
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name);
    return true;
  } catch {
    return false;
  }
}
