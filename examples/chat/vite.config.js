import { defineConfig } from 'vite';

export default defineConfig({ build: { target: ['chrome111', 'firefox120', 'safari16.4'] } });
