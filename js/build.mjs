// Bundles every explorable, the host script and the theme into one folder.
// Usage: node build.mjs [outdir]      (default: the package's static folder)
//
// Each explorable becomes one classic script that registers itself under its name, because pages
// opened from file:// may not import modules. The Python class appends the export that anywidget
// needs, so Jupyter and the page run the same bytes.
import { readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const outdir = process.argv[2] ?? join(here, "..", "src", "incontext", "explorables", "static");
const shared = { bundle: true, minify: true, target: "es2020", charset: "utf8", legalComments: "none" };

rmSync(outdir, { recursive: true, force: true });
for (const file of readdirSync(join(here, "explorables")).filter((name) => name.endsWith(".js"))) {
  const name = basename(file, ".js");
  await build({
    ...shared,
    entryPoints: [join(here, "explorables", file)],
    outfile: join(outdir, file),
    format: "iife",
    globalName: "incontextExplorable",
    footer: {
      js: `(globalThis.incontextExplorables??={})["${name}"]=incontextExplorable.default;`,
    },
  });
}
await build({
  ...shared,
  entryPoints: [join(here, "host.js")],
  outfile: join(outdir, "host.js"),
  format: "iife",
});
await build({
  ...shared,
  entryPoints: [join(here, "theme.css")],
  outfile: join(outdir, "theme.css"),
});
