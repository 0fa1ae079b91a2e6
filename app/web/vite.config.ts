import { defineConfig } from "vite";
import { precompress } from "./precompress.ts";

// `vite dev` shows the page from source and takes its answers from a running server.
const SERVER = "http://127.0.0.1:8000";

export default defineConfig({
  base: "./", // addresses stay relative, so that the page also works below a path prefix
  build: {
    outDir: "dist",
    emptyOutDir: true,
    target: "es2022",
    chunkSizeWarningLimit: 1800, // MapLibre GL JS is about 1.1 MB before compression, swagger-ui 1.7 MB
    license: { fileName: "licenses.md" },
    modulePreload: { polyfill: false }, // every browser of the target has it
    rolldownOptions: { input: ["index.html", "docs.html"], checks: { pluginTimings: false } },
  },
  plugins: [precompress()],
  server: { proxy: { "/products": SERVER, "/tiles": SERVER, "/collections": SERVER, "/areas": SERVER, "/coverage": SERVER } },
});
