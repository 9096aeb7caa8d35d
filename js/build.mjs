// Bundles every explorable, the predictions, the host script and the styles into one folder.
// Usage: node build.mjs [outdir]      (default: the package's static folder)
//
// Each front end becomes one classic script that registers itself under its name, because pages
// opened from file:// may not import modules. The Python class appends the export that anywidget
// needs, so Jupyter and the page run the same bytes.
import { readdirSync, rmSync } from "node:fs";
import { basename, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = fileURLToPath(new URL(".", import.meta.url));
const outdir = process.argv[2] ?? join(here, "..", "src", "incontext", "explorables", "static");
const shared = { bundle: true, minify: true, target: "es2020", charset: "utf8", legalComments: "none" };

const fronts = readdirSync(join(here, "explorables")).filter((name) => name.endsWith(".js"));
const styles = ["theme.css", "prediction.css"];
for (const file of [...fronts.map((name) => join(here, "explorables", name)), join(here, "prediction.js")]) {
  const name = basename(file, ".js");
  await build({
    ...shared,
    entryPoints: [file],
    outfile: join(outdir, `${name}.js`),
    format: "iife",
    globalName: "incontextFrontEnd",
    footer: {
      js: `(globalThis.incontextExplorables??={})["${name}"]=incontextFrontEnd.default;`,
    },
  });
}
await build({
  ...shared,
  entryPoints: [join(here, "host.js")],
  outfile: join(outdir, "host.js"),
  format: "iife",
});
for (const style of styles) {
  await build({ ...shared, entryPoints: [join(here, style)], outfile: join(outdir, style) });
}

// Written over and not cleared first: a kernel may be reading. What is left over goes now.
const built = new Set([...fronts, "prediction.js", "host.js", ...styles]);
for (const name of readdirSync(outdir)) if (!built.has(name)) rmSync(join(outdir, name));
