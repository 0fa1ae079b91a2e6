import { defineConfig } from "vite";

// `vite dev` shows the page from source and takes its answers from a running server.
const SERVER = "http://127.0.0.1:8000";

export default defineConfig({
  base: "./", // addresses stay relative, so that the page also works below a path prefix
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 1200, // MapLibre GL JS alone is about 1.1 MB before compression
  },
  server: { proxy: { "/products": SERVER, "/tiles": SERVER, "/collections": SERVER } },
});
