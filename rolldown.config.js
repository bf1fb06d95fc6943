/**
 * The command in few files: reading hundreds of small modules was most of the time it took to
 * start. Only the schema library goes in with our own code, being the one made of many.
 */
import { readFileSync } from 'node:fs';
import { defineConfig } from 'rolldown';

const bundled = 'zod';
const isOurs = (id) => /^[./]|^dist\//.test(id);

export default defineConfig({
  input: {
    strongroom: 'dist/cli/main.js',
    worker: 'dist/archive/worker.js',
    lane: 'dist/archive/lazy/thread.js',
  },
  platform: 'node',
  external: (id) => !isOurs(id) && !id.startsWith(bundled),
  output: { dir: 'dist/command', cleanDir: true, chunkFileNames: '[name].js' },
  plugins: [
    {
      name: 'licence',
      generateBundle() {
        const source = readFileSync(`node_modules/${bundled}/LICENSE`);
        this.emitFile({ type: 'asset', fileName: `LICENSE.${bundled}`, source });
      },
    },
  ],
});
