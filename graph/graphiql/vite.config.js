import { defineConfig } from 'vite'

export default defineConfig({
  // The page is /graphql and its assets are /graphql/assets/…: relative to the page, as it is here,
  // that also holds behind a proxy that adds a prefix.
  base: './',
  build: {
    assetsDir: 'graphql/assets',
    chunkSizeWarningLimit: 3000,
    reportCompressedSize: false,
    rolldownOptions: { checks: { moduleLevelDirective: false } },
  },
  worker: { format: 'es' },
})
