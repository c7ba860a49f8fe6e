import { describe, expect, it } from '@jest/globals';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { placeOf } from '@pgwake/compute-process';
import { parseEndpointId } from '@pgwake/ids';
import { httpProxySettings } from '@pgwake/http-proxy/settings';
import { loadSettings } from '@pgwake/nest-kit';
import { tcpProxySettings } from '@pgwake/tcp-proxy/settings';
import { wakeServiceSettings } from '@pgwake/wake-service/settings';
import { findInContext, parseDockerignore, readDockerignore } from './build-context.ts';
import {
  argvOf,
  ofKind,
  parseDockerfile,
  readDockerfile,
  type Stage,
  stageNamed,
  workspaceRoot,
} from './dockerfile.ts';
import { environmentOf } from './image-process.ts';

const stages = readDockerfile();
const isInContext = readDockerignore();
const images = [
  { name: 'tcp-proxy', settings: tcpProxySettings, hosts: ['PGWAKE_TCP_HOST', 'PGWAKE_TCP_OPS_HOST'] },
  { name: 'http-proxy', settings: httpProxySettings, hosts: ['PGWAKE_HTTP_HOST', 'PGWAKE_HTTP_OPS_HOST'] },
  { name: 'wake-service', settings: wakeServiceSettings, hosts: ['PGWAKE_WAKE_GRPC_HOST', 'PGWAKE_WAKE_OPS_HOST'] },
].map((image) => ({ ...image, stage: stageNamed(stages, image.name) }));

function account(stage: Stage): (string | undefined)[] {
  return ofKind(stage, 'run').map(({ command }) => /groupadd.*\/pgwake/.exec(command)?.[0]);
}

describe('the Dockerfile', () => {
  it('copies only what is in the workspace and not kept out by .dockerignore', () => {
    const sources = stages.flatMap((stage) => ofKind(stage, 'copy').filter(({ from }) => from === undefined));
    expect(sources.length).toBeGreaterThan(0);
    for (const source of sources.flatMap((copy) => copy.sources)) {
      expect({ source, found: findInContext(source, isInContext).length > 0 }).toEqual({ source, found: true });
    }
  });

  it('copies only from stages that came before', () => {
    for (const [index, stage] of stages.entries()) {
      const earlier = stages.slice(0, index).map(({ name }) => name);
      for (const { from } of ofKind(stage, 'copy')) if (from !== undefined) expect(earlier).toContain(from);
    }
  });

  it('takes images by names without a registry', () => {
    const stageNames = stages.map(({ name }) => name);
    const bases = stages.map(({ base }) => base).filter((base) => !stageNames.includes(base));
    expect(bases).toEqual(['node:24-bookworm-slim', 'postgres:18-bookworm']);
  });

  it.each(images)('sets only settings that $name has, to values that it takes', ({ stage, settings }) => {
    const env = environmentOf(stage);
    const names = Object.values(settings).map(({ name }) => name);
    const others = Object.keys(env).filter((name) => !names.includes(name));
    expect(others.filter((name) => !['NODE_ENV', 'NODE_OPTIONS'].includes(name))).toEqual([]);
    loadSettings(settings, env);
  });

  it.each(images)('opens the ports of $name to the container, but not the admin port', ({ stage, hosts }) => {
    const open = ofKind(stage, 'env').filter(({ value }) => value === '0.0.0.0');
    expect(open.map(({ name }) => name)).toEqual(hosts);
  });

  it.each(images)('runs $name as an ordinary user, without npm, to be ended by SIGTERM', ({ name, stage }) => {
    // The directory that images.int.spec.ts makes and tries out.
    expect(ofKind(stage, 'copy')).toContainEqual({
      kind: 'copy',
      from: `${name}-files`,
      sources: ['/app'],
      target: './',
    });
    expect(ofKind(stage, 'user')).toEqual([{ kind: 'user', user: '10001:10001' }]);
    expect(ofKind(stage, 'stopsignal')).toEqual([{ kind: 'stopsignal', signal: 'SIGTERM' }]);
    expect(argvOf(stage, 'cmd')).toEqual(['node', `apps/${name}/dist/main.js`]);
    expect(existsSync(join(workspaceRoot, `apps/${name}/src/main.ts`))).toBe(true);
  });

  it('gives all images the same account, so that proxies may enter the socket directories', () => {
    const [first, ...others] = images.map(({ stage }) => account(stage));
    expect(first).toEqual([expect.stringContaining('--uid 10001')]);
    for (const other of others) expect(other).toEqual(first);
  });

  it('does not start the database of the image that wake-service is made from', () => {
    expect(argvOf(stageNamed(stages, 'wake-service'), 'entrypoint')).toEqual([]);
  });

  // compute-process would put the socket elsewhere, where no other container sees it.
  it('has a data directory short enough for the socket of every endpoint', () => {
    const longestEndpoint = 'e'.repeat(63);
    expect([parseEndpointId(longestEndpoint), parseEndpointId(`${longestEndpoint}e`)]).toEqual([
      longestEndpoint,
      undefined,
    ]);
    const dataDir = environmentOf(stageNamed(stages, 'wake-service'))['PGWAKE_DATA_DIR'] ?? '';
    const { socketDirectory } = placeOf(join(dataDir, 'computes', longestEndpoint));
    expect(socketDirectory).toBe(join(dataDir, 'computes', longestEndpoint, 'socket'));
  });
});

describe('the reader of Dockerfiles', () => {
  it('joins lines, and sees neither comments nor flags in the arguments', () => {
    const text = '# one\nFROM a AS b\nRUN --mount=type=cache,target=/x c \\\n    && d\n# two\nCOPY --from=e f g ./\n';
    expect(parseDockerfile(text)).toEqual([
      {
        name: 'b',
        base: 'a',
        instructions: [
          { kind: 'run', command: 'c && d' },
          { kind: 'copy', from: 'e', sources: ['f', 'g'], target: './' },
        ],
      },
    ]);
  });

  it('refuses what it does not know', () => {
    expect(() => parseDockerfile('FROM a AS b\nVOLUME /c\n')).toThrow('VOLUME /c');
  });
});

describe('the reader of .dockerignore', () => {
  it('lets the last pattern decide, for a path and all that is below it', () => {
    const isIn = parseDockerignore('*\n!libs\n**/dist\n');
    expect(['secret', '.pgwake/secrets', 'libs/ids/src/index.ts', 'libs/ids/dist/index.js'].map(isIn)).toEqual([
      false,
      false,
      true,
      false,
    ]);
  });

  it('keeps data, installed packages and build results of the workspace out', () => {
    for (const path of [
      '.pgwake',
      '.git',
      'node_modules',
      'libs/ids/dist',
      'libs/nest-kit/node_modules/yaml',
      '.env',
    ]) {
      expect([path, isInContext(path)]).toEqual([path, false]);
    }
  });
});
