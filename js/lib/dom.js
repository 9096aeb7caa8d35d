// Describe elements with h(), then patch() a parent until it matches. Nodes are reused in place,
// so focus, an ongoing drag and an open <details> survive a redraw. What is described by the very
// same object as before is left as it is.

const SVG = "http://www.w3.org/2000/svg";
const AS_PROPERTY = new Set(["value", "checked", "disabled", "open"]);
// key: reuse only a node of the same key; after(node): called when the node is up to date;
// keep: what is inside is looked after elsewhere.
const NOT_SET = new Set(["key", "after", "keep"]);

/** An element to be: h("rect", { x: 1, onclick }, children…). null and false children are dropped. */
export function h(tag, props, ...children) {
  const kept = children.flat(Infinity).filter((child) => child !== null && child !== false && child !== undefined);
  return { tag, props: props ?? {}, children: kept };
}

/** Makes `parent` hold exactly `children` (results of h, strings or numbers). */
export function patch(parent, children) {
  children.forEach((child, i) => {
    const old = parent.childNodes[i];
    if (typeof child !== "object") {
      const text = String(child);
      if (old?.nodeType !== Node.TEXT_NODE) replaceAt(parent, i, document.createTextNode(text));
      else if (old.data !== text) old.data = text;
      return;
    }
    if (old?.vnode === child) return;
    const reusable = old?.vnode?.tag === child.tag && old.vnode.props.key === child.props.key;
    const node = reusable ? old : replaceAt(parent, i, create(child, parent));
    update(node, node.vnode?.props ?? {}, child.props);
    node.vnode = child;
    if (!child.props.keep) patch(node, child.children);
    child.props.after?.(node);
    if (child.tag === "select") node.value = child.props.value;
  });
  while (parent.childNodes.length > children.length) parent.lastChild.remove();
}

function create({ tag }, parent) {
  const inSvg = tag === "svg" || (parent.namespaceURI === SVG && parent.localName !== "foreignObject");
  return inSvg ? document.createElementNS(SVG, tag) : document.createElement(tag);
}

function replaceAt(parent, i, node) {
  const old = parent.childNodes[i];
  if (old) parent.replaceChild(node, old);
  else parent.appendChild(node);
  return node;
}

function update(node, before, props) {
  for (const name in before) {
    if (!(name in props) && !NOT_SET.has(name)) set(node, name, null);
  }
  for (const name in props) {
    if (NOT_SET.has(name)) continue;
    if (AS_PROPERTY.has(name) || props[name] !== before[name]) set(node, name, props[name]);
  }
}

function set(node, name, value) {
  if (name.startsWith("on")) {
    node[name] = value;
  } else if (name === "value" && node.localName === "input") {
    // What is being typed stays as it is typed while it means the same number ("1." is 1).
    const typing = node === document.activeElement && node.type === "number";
    if (!typing || Number(node.value) !== Number(value)) node.value = value;
  } else if (AS_PROPERTY.has(name)) {
    if (node[name] !== value) node[name] = value ?? "";
  } else if (value === null || value === undefined || value === false) {
    node.removeAttribute(name);
  } else {
    node.setAttribute(name, value === true ? "" : value);
  }
}
