(()=>{function D({model:e,data:s,values:t,set:n,changed:o},{workerSource:r,choicesOf:d}){let l=typeof e.send=="function",h={status:"none",run:null,at:0,seconds:0},a=h,i=null,p=null,k=!1,f={start({choices:u}){a={status:"training",run:J(u,s),at:0,seconds:0},n({step:0})},look({step:u,loss:O,accuracy:j,same:L,other:w},M){let{run:v}=a;if(!v)return;let U=t().step>=(v.steps.at(-1)??0);v.steps.push(u);for(let S of v.families)v.loss[S].push(O[S]),v.accuracy[S].push(j[S]);v.same.push(L),v.other.push(w),v.maps.push(M),a={...a,at:Math.max(a.at,u)},U&&n({step:u})},step({step:u,seconds:O,ended:j}){a={...a,at:u,seconds:O,status:j?"ended":a.status}},file(u,[O]){Q(O,"transformer.safetensors")},status({status:u}){a={...a,status:u}},forget(){a=h,n({step:s.last})}};function m(u,O){f[u.kind]?.(u,O),o()}let x=(u,O)=>m(u,(O??[]).map(j=>u.kind==="file"?j:new Float32Array(j.buffer.slice(j.byteOffset,j.byteOffset+j.byteLength))));function g(u){l?e.send({do:u.do}):i?.postMessage(u)}function $(){i?.terminate(),p&&URL.revokeObjectURL(p),i=p=null}function y(){$(),p=URL.createObjectURL(new Blob([r],{type:"text/javascript"})),i=new Worker(p),i.onmessage=({data:u})=>m(u,u.maps??[u.bytes])}let b=u=>{a={...a,status:u},o()},R={state:()=>a,unsent:()=>a.status==="none"?"":"It has the settings, and not the run that you have trained.",train(){let u=d(t());l||(y(),f.start({choices:u}));let{recorded:O,two_families:j,...L}=s;g({do:"train",choices:u,data:L}),o()},pause(){g({do:"pause"}),b("paused")},goOn(){g({do:"go on"}),b("training")},stop(){g({do:l?"stop":"pause"}),b("stopped")},download(){g({do:"file"})},reset(){a.status!=="none"&&(l&&g({do:"forget"}),$(),f.forget())},end(){document.removeEventListener("visibilitychange",E),l&&e.off("msg:custom",x),$()}};function E(){document.hidden&&a.status==="training"?(k=!0,g({do:"pause"})):!document.hidden&&k&&(k=!1,a.status==="training"&&g({do:"go on"}))}return l?(e.on("msg:custom",x),e.send({do:"tell"})):document.addEventListener("visibilitychange",E),R}function J(e,{family_sets:s}){let t=s[e.families],n=()=>Object.fromEntries(t.map(o=>[o,[]]));return{choices:e,families:t,steps:[],loss:n(),accuracy:n(),same:[],other:[],maps:[]}}function Q(e,s){let t=document.createElement("a");t.href=URL.createObjectURL(new Blob([e],{type:"application/octet-stream"})),t.download=s,t.click(),setTimeout(()=>URL.revokeObjectURL(t.href),1e3)}var{h:c}=incontextCore,{explorable:X}=incontextCore,{fixed:_,number:Y,percent:T}=incontextCore,{heatmap:Z}=incontextCore,{argmax:ee}=incontextCore,{dragHandlers:te}=incontextCore,[se,ne]=['(()=>{function z(o,t,e=Float32Array){return{rows:o,cols:t,data:new e(o*t),grad:new e(o*t)}}var j=(o,t=o.rows,e=o.cols)=>z(t,e,o.data.constructor);function at(o,t,e,s,n,a){for(let l=0;l<s;l++)for(let r=0;r<n;r++){let d=t[l*n+r];if(d!==0)for(let c=0;c<a;c++)o[l*a+c]+=d*e[r*a+c]}}function lt(o,t,e,s,n,a){for(let l=0;l<s;l++)for(let r=0;r<a;r++){let d=0;for(let c=0;c<n;c++)d+=t[l*n+c]*e[r*n+c];o[l*a+r]+=d}}function ct(o,t,e,s,n,a){for(let l=0;l<n;l++)for(let r=0;r<s;r++){let d=t[l*s+r];if(d!==0)for(let c=0;c<a;c++)o[r*a+c]+=d*e[l*a+c]}}function L(o,t,e){let s=j(t,e.length),n=t.cols;return e.forEach((a,l)=>s.data.set(t.data.subarray(a*n,(a+1)*n),l*n)),o.push(()=>{e.forEach((a,l)=>{for(let r=0;r<n;r++)t.grad[a*n+r]+=s.grad[l*n+r]})}),s}function P(o,t,e){let s=j(t);for(let n=0;n<s.data.length;n++)s.data[n]=t.data[n]+e.data[n];return o.push(()=>{for(let n=0;n<s.grad.length;n++)t.grad[n]+=s.grad[n],e.grad[n]+=s.grad[n]}),s}function D(o,t,e,s){let n=j(t,t.rows,e.rows);if(s)for(let a=0;a<t.rows;a++)n.data.set(s.data,a*n.cols);return lt(n.data,t.data,e.data,t.rows,t.cols,e.rows),o.push(()=>{at(t.grad,n.grad,e.data,t.rows,e.rows,t.cols),ct(e.grad,n.grad,t.data,e.rows,t.rows,t.cols),s&&n.grad.forEach((a,l)=>{s.grad[l%n.cols]+=a})}),n}function it(o,t){let e=j(t);for(let s=0;s<e.data.length;s++)e.data[s]=Math.max(0,t.data[s]);return o.push(()=>{for(let s=0;s<e.grad.length;s++)t.data[s]>0&&(t.grad[s]+=e.grad[s])}),e}function dt(o,t,e,s,n=1e-5){let a=j(t),{rows:l,cols:r}=t,d=new Float64Array(l*r),c=new Float64Array(l);for(let f=0;f<l;f++){let _=0;for(let i=0;i<r;i++)_+=t.data[f*r+i]/r;let y=0;for(let i=0;i<r;i++)y+=(t.data[f*r+i]-_)**2/r;c[f]=1/Math.sqrt(y+n);for(let i=0;i<r;i++)d[f*r+i]=(t.data[f*r+i]-_)*c[f],a.data[f*r+i]=e.data[i]*d[f*r+i]+s.data[i]}return o.push(()=>{for(let f=0;f<l;f++){let _=0,y=0;for(let i=0;i<r;i++){let p=a.grad[f*r+i];e.grad[i]+=p*d[f*r+i],s.grad[i]+=p,_+=p*e.data[i]/r,y+=p*e.data[i]*d[f*r+i]/r}for(let i=0;i<r;i++){let p=a.grad[f*r+i]*e.data[i];t.grad[f*r+i]+=c[f]*(p-_-d[f*r+i]*y)}}}),a}function ft(o,t,e,s,{heads:n,lengths:a,causal:l,scale:r}){let d=j(t),{cols:c}=t,f=c/n,_=a.map(g=>Array.from({length:n},()=>Array.from({length:g},()=>new Float64Array(g)))),y=(g,u,m,h,b)=>{let w=0;for(let O=b;O<b+f;O++)w+=g[u*c+O]*m[h*c+O];return w},i=(g,u,m,h,b,w)=>{for(let O=w;O<w+f;O++)g[u*c+O]+=m*h[b*c+O]},p=g=>{let u=0;a.forEach((m,h)=>{for(let b=0;b<n;b++)for(let w=0;w<m;w++)g(_[h][b][w],u,w,l?w+1:m,b*f);u+=m})};return p((g,u,m,h,b)=>{for(let w=0;w<h;w++)g[w]=r*y(t.data,u+m,e.data,u+w,b);T(g,h);for(let w=0;w<h;w++)i(d.data,u+m,g[w],s.data,u+w,b)}),o.push(()=>{p((g,u,m,h,b)=>{let w=g.map((k,M)=>M<h?y(d.grad,u+m,s.data,u+M,b):0),O=g.reduce((k,M,v)=>k+M*w[v],0);for(let k=0;k<h;k++){i(s.grad,u+k,g[k],d.grad,u+m,b);let M=g[k]*(w[k]-O)*r;i(t.grad,u+m,M,e.data,u+k,b),i(e.grad,u+k,M,t.data,u+m,b)}})}),{out:d,weights:_}}function pt(o,t,e){let s=j(t,e.length);return e.forEach((n,a)=>s.data.set(t.data.subarray(n*t.cols,(n+1)*t.cols),a*t.cols)),o.push(()=>{e.forEach((n,a)=>{for(let l=0;l<t.cols;l++)t.grad[n*t.cols+l]+=s.grad[a*t.cols+l]})}),s}function ut(o,t,e){let s=Float64Array.from(t.data),{rows:n,cols:a}=t,l=0;for(let r=0;r<n;r++)T(s.subarray(r*a,(r+1)*a),a),l-=Math.log(s[r*a+e[r]])/n;return o.push(()=>{for(let r=0;r<n*a;r++){let d=e[Math.floor(r/a)]===r%a?1:0;t.grad[r]+=(s[r]-d)/n}}),{loss:l,p:s}}function T(o,t){let e=-1/0;for(let n=0;n<t;n++)e=Math.max(e,o[n]);let s=0;for(let n=0;n<t;n++)s+=o[n]=Math.exp(o[n]-e);for(let n=0;n<t;n++)o[n]/=s}function gt(o){for(let t=o.length-1;t>=0;t--)o[t]()}function q(o,t,e=Float32Array){let{vocabSize:s,nPositions:n,dModel:a,dFf:l,layers:r,positions:d}=o,c={},f=(p,g,u,m=.02)=>{c[p]=z(g,u,e);for(let h=0;h<g*u;h++)c[p].data[h]=m*t()},_=(p,g,u)=>{c[p]=z(1,g,e),c[p].data.fill(u)},y=(p,g,u,m)=>{f(`${p}.weight`,g,u,m),_(`${p}.bias`,g,0)},i=p=>{_(`${p}.weight`,a,1),_(`${p}.bias`,a,0)};f("stack.token_embedding.weight",s,a),d&&f("stack.position_embedding.weight",n,a);for(let p=0;p<r;p++){let g=`stack.blocks.${p}`,u=.02/Math.sqrt(2*r);for(let m of["q_proj","k_proj","v_proj"])y(`${g}.attention.${m}`,a,a);y(`${g}.attention.out_proj`,a,a,u),i(`${g}.attention_norm`),y(`${g}.feed_forward.up`,l,a),y(`${g}.feed_forward.down`,a,l,u),i(`${g}.feed_forward_norm`)}return i("stack.final_norm"),{config:o,weights:c}}function R(o,{config:t,weights:e},{ids:s,places:n,lengths:a,rows:l}){let{dModel:r,heads:d,layers:c,positions:f,causal:_,scaled:y,residual:i}=t,p=y?1/Math.sqrt(r/d):1,g=(k,M)=>D(o,M,e[`${k}.weight`],e[`${k}.bias`]),u=(k,M)=>dt(o,M,e[`${k}.weight`],e[`${k}.bias`]),m=(k,M)=>i?P(o,k,M):M,h=L(o,e["stack.token_embedding.weight"],s);f&&(h=P(o,h,L(o,e["stack.position_embedding.weight"],n)));let b=[h],w=[];for(let k=0;k<c;k++){let M=`stack.blocks.${k}`,v=u(`${M}.attention_norm`,h),[tt,ot,et]=["q_proj","k_proj","v_proj"].map(rt=>g(`${M}.attention.${rt}`,v)),I=ft(o,tt,ot,et,{heads:d,lengths:a,causal:_,scale:p});h=m(h,g(`${M}.attention.out_proj`,I.out));let nt=u(`${M}.feed_forward_norm`,h),st=it(o,g(`${M}.feed_forward.up`,nt));h=m(h,g(`${M}.feed_forward.down`,st)),b.push(h),w.push(I.weights)}let O=u("stack.final_norm",pt(o,h,l));return{logits:D(o,O,e["stack.token_embedding.weight"]),maps:w,hidden:b}}function E(o,t,e=!0){let s=[];for(let c of Object.values(o.weights))c.grad.fill(0);let{logits:n,maps:a,hidden:l}=R(s,o,t),{loss:r,p:d}=ut(s,n,t.answers);return e&&gt(s),{loss:r,p:d,maps:a,hidden:l}}function C({weights:o},{weightDecay:t=.01,betas:e=[.9,.999],eps:s=1e-8}={}){let n=Object.fromEntries(Object.entries(o).map(([a,{data:l}])=>[a,[l.slice().fill(0),l.slice().fill(0)]]));return{weightDecay:t,betas:e,eps:s,moments:n,steps:0}}function B({weights:o},t,e){let{weightDecay:s,betas:[n,a],eps:l,moments:r}=t,d=++t.steps;for(let[c,{data:f,grad:_}]of Object.entries(o)){let[y,i]=r[c];for(let p=0;p<f.length;p++)y[p]=n*y[p]+(1-n)*_[p],i[p]=a*i[p]+(1-a)*_[p]*_[p],f[p]-=e*s*f[p],f[p]-=e*(y[p]/(1-n**d))/(Math.sqrt(i[p]/(1-a**d))+l)}}function J(o,{nSteps:t,warmUp:e,highest:s}){if(o<e)return s*(o+1)/e;let n=(o-e)/Math.max(1,t-e);return s*(.1+.9*(1+Math.cos(Math.PI*n))/2)}function A(o){let t=o>>>0;return()=>{t=t+1831565813>>>0;let e=Math.imul(t^t>>>15,t|1);return e=e+Math.imul(e^e>>>7,e|61)^e,((e^e>>>14)>>>0)/2**32}}function N(o){return()=>Math.sqrt(-2*Math.log(1-o()))*Math.cos(2*Math.PI*o())}var ht=1;function mt(o,t,e){let s=c=>t.indexOf(c),n=o.split(" "),a=n.findIndex(c=>c.startsWith("*")),[l,r]=n[a].slice(1,-1).split("/").map(s),d=n.map((c,f)=>f===a?ht:s(c));return e==="left-to-right"?{ids:d.slice(0,a),row:a-1,right:l,other:r}:{ids:d,row:a,right:l,other:r}}function F(o){let t=o.map(({ids:s})=>s.length),e=t.map((s,n)=>t.slice(0,n).reduce((a,l)=>a+l,0));return{ids:o.flatMap(({ids:s})=>s),places:o.flatMap(({ids:s})=>s.map((n,a)=>a)),lengths:t,rows:o.map(({row:s},n)=>e[n]+s),answers:o.map(({right:s})=>s),starts:e}}function W(o,t){let e=l=>l.map(r=>mt(r,t.words,o.reading)),s=t.family_sets[o.families],n={vocabSize:t.words.length,nPositions:t.sizes.n_positions,dModel:t.sizes.d_model,dFf:t.sizes.d_ff,heads:o.heads,layers:o.layers,positions:o.positions,causal:o.reading==="left-to-right",scaled:o.scaled,residual:o.residual},a=q(n,N(A(o.seed)));return{choices:o,data:t,families:s,model:a,optimizer:C(a,{weightDecay:t.recipe.weight_decay}),train:s.map(l=>e(t.sentences[l].train)),heldOut:s.map(l=>e(t.sentences[l].held_out)),shown:e(t.shown),banks:e(t.banks),losses:[],looks:[]}}function wt(o,{choices:t,data:e,train:s}){let n=A(Math.imul(t.seed,1000003)+o+1),a=[];return s.forEach((l,r)=>{let d=Math.floor(e.recipe.batch_size*(r+1)/s.length);for(;a.length<d;)a.push(l[Math.floor(n()*l.length)])}),a}function H(o){let t=o.losses.length,{n_steps:e,warm_up:s}=o.data.recipe,{loss:n}=E(o.model,F(wt(t,o)));B(o.model,o.optimizer,J(t,{nSteps:e,warmUp:s,highest:o.choices.learning_rate})),o.losses.push(n)}function U(o){let t={step:o.losses.length,loss:{},accuracy:{}};return o.families.forEach((e,s)=>{let n=o.heldOut[s],{loss:a,p:l}=E(o.model,F(n),!1),r=n.filter(({right:d,other:c},f)=>l[f*o.data.words.length+d]>l[f*o.data.words.length+c]);t.loss[e]=a,t.accuracy[e]=r.length/n.length}),o.looks.push(t),t}function V(o){return o.shown.map(t=>{let{maps:e}=E(o.model,F([t]),!1);return Float32Array.from(e.flatMap(([s])=>s.flatMap(n=>n.flatMap(a=>[...a]))))})}function G(o){let t=F(o.banks),{hidden:e}=E(o.model,t,!1),{data:s,cols:n}=e[1],a=o.data.words.indexOf("bank"),l=o.banks.map(({ids:r},d)=>t.starts[d]+r.indexOf(a));return _t(l.map(r=>[...s.subarray(r*n,(r+1)*n)]))}function _t(o){let t=o.length,e=o[0].map((l,r)=>o.reduce((d,c)=>d+c[r],0)/t),s=o.map(l=>{let r=l.map((c,f)=>c-e[f]),d=Math.hypot(...r)||1;return r.map(c=>c/d)}),n={same:[],other:[]};s.forEach((l,r)=>s.slice(0,r).forEach((d,c)=>{n[r<t/2==c<t/2?"same":"other"].push(l.reduce((f,_,y)=>f+_*d[y],0))}));let a=l=>l.reduce((r,d)=>r+d,0)/l.length;return{same:a(n.same),other:a(n.other)}}function K({choices:o,data:t,families:e,model:s,losses:n,looks:a}){let{sizes:l,recipe:r}=t,d={config:{vocab_size:t.words.length,...l,n_heads:o.heads,n_layers:o.layers,activation:"relu",positions:o.positions?"learned":null,scaled:o.scaled,residual:o.residual},reading:o.reading,seed:o.seed,recipe:{...r,learning_rate:o.learning_rate,families:e,loss:"answer",stop_at:null},vocabulary:t.words,losses:n,looks:a},c={__metadata__:{incontext:JSON.stringify(d)}},f=0,_=Object.entries(s.weights);for(let[u,{rows:m,cols:h,data:b}]of _)c[u]={dtype:"F32",shape:m===1?[h]:[m,h],data_offsets:[f,f+b.byteLength]},f+=b.byteLength;let y=new TextEncoder().encode(JSON.stringify(c)),i=8*Math.ceil(y.length/8),p=new Uint8Array(8+i+f).fill(32,8,8+i);new DataView(p.buffer).setBigUint64(0,BigInt(i),!0),p.set(y,8);let g=8+i;for(let[,{data:u}]of _)p.set(new Uint8Array(u.buffer,u.byteOffset,u.byteLength),g),g+=u.byteLength;return p}var yt=40,bt=200,$=null,x=!1,Q=0,X=0,S=new MessageChannel;S.port1.onmessage=kt;function kt(){if(!x)return;let o=performance.now(),{n_steps:t,validate_every:e}=$.data.recipe;for(;performance.now()-o<yt&&$.losses.length<t;)H($),($.losses.length%e===0||$.losses.length===t)&&Y();let s=performance.now();Q+=(s-o)/1e3,x=$.losses.length<t,(s-X>bt||!x)&&(X=s,postMessage({kind:"step",step:$.losses.length,seconds:Q,ended:!x})),x&&S.port2.postMessage(null)}function Y(){postMessage({kind:"look",...U($),...G($),maps:V($)})}var Z={train({choices:o,data:t}){$=W(o,t),Y(),Z["go on"]()},pause(){x=!1},"go on"(){x||(x=!0,S.port2.postMessage(null))},file(){postMessage({kind:"file",bytes:K($)})}};onmessage=({data:o})=>Z[o.do](o);})();\n',`// A transformer that learns, in one file: forward, backward and AdamW, with nothing but loops.
//
// Everything is a matrix with a row for each token. An operation computes its result at once and
// writes on the tape how gradients flow back through it; \`backward\` plays the tape from its end. The
// tokens of all sentences of a batch lie one below the other, so only attention has to know where a
// sentence begins and ends.
//
// The same model as src/incontext/training.py: pre-norm, ReLU, learned positions, the table of
// tokens as the output matrix. Loss and every gradient equal PyTorch's to 1e-9 in float64.

/** rows × cols numbers, and as many for the gradient of the loss by each. */
export function matrix(rows, cols, Numbers = Float32Array) {
  return { rows, cols, data: new Numbers(rows * cols), grad: new Numbers(rows * cols) };
}

const like = (x, rows = x.rows, cols = x.cols) => matrix(rows, cols, x.data.constructor);

// Products, the inner loop along rows: out += a·b, a·bᵀ, aᵀ·b.

function addProduct(out, a, b, n, inner, m) {
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < inner; k++) {
      const x = a[i * inner + k];
      if (x === 0) continue;
      for (let j = 0; j < m; j++) out[i * m + j] += x * b[k * m + j];
    }
  }
}

function addProductTransposed(out, a, b, n, inner, m) {
  for (let i = 0; i < n; i++) {
    for (let j = 0; j < m; j++) {
      let sum = 0;
      for (let k = 0; k < inner; k++) sum += a[i * inner + k] * b[j * inner + k];
      out[i * m + j] += sum;
    }
  }
}

function addTransposedProduct(out, a, b, n, inner, m) {
  for (let k = 0; k < inner; k++) {
    for (let i = 0; i < n; i++) {
      const x = a[k * n + i];
      if (x === 0) continue;
      for (let j = 0; j < m; j++) out[i * m + j] += x * b[k * m + j];
    }
  }
}

// Operations. Each takes the tape first.

/** Rows of a table: token i is row i. */
export function lookup(tape, table, ids) {
  const out = like(table, ids.length);
  const width = table.cols;
  ids.forEach((id, row) => out.data.set(table.data.subarray(id * width, (id + 1) * width), row * width));
  tape.push(() => {
    ids.forEach((id, row) => {
      for (let c = 0; c < width; c++) table.grad[id * width + c] += out.grad[row * width + c];
    });
  });
  return out;
}

/** a + b, entry by entry. */
export function add(tape, a, b) {
  const out = like(a);
  for (let i = 0; i < out.data.length; i++) out.data[i] = a.data[i] + b.data[i];
  tape.push(() => {
    for (let i = 0; i < out.grad.length; i++) {
      a.grad[i] += out.grad[i];
      b.grad[i] += out.grad[i];
    }
  });
  return out;
}

/** x·Wᵀ + b, with W as nn.Linear keeps it: [out, in]. */
export function linear(tape, x, weight, bias) {
  const out = like(x, x.rows, weight.rows);
  if (bias) for (let i = 0; i < x.rows; i++) out.data.set(bias.data, i * out.cols);
  addProductTransposed(out.data, x.data, weight.data, x.rows, x.cols, weight.rows);
  tape.push(() => {
    addProduct(x.grad, out.grad, weight.data, x.rows, weight.rows, x.cols);
    addTransposedProduct(weight.grad, out.grad, x.data, weight.rows, x.rows, x.cols);
    if (bias) out.grad.forEach((g, i) => { bias.grad[i % out.cols] += g; });
  });
  return out;
}

export function relu(tape, x) {
  const out = like(x);
  for (let i = 0; i < out.data.length; i++) out.data[i] = Math.max(0, x.data[i]);
  tape.push(() => {
    for (let i = 0; i < out.grad.length; i++) if (x.data[i] > 0) x.grad[i] += out.grad[i];
  });
  return out;
}

/** γ (x − mean) / √(variance + ε) + β, each row on its own. */
export function layerNorm(tape, x, gain, offset, eps = 1e-5) {
  const out = like(x);
  const { rows, cols } = x;
  const normal = new Float64Array(rows * cols);
  const scale = new Float64Array(rows);
  for (let i = 0; i < rows; i++) {
    let mean = 0;
    for (let c = 0; c < cols; c++) mean += x.data[i * cols + c] / cols;
    let variance = 0;
    for (let c = 0; c < cols; c++) variance += (x.data[i * cols + c] - mean) ** 2 / cols;
    scale[i] = 1 / Math.sqrt(variance + eps);
    for (let c = 0; c < cols; c++) {
      normal[i * cols + c] = (x.data[i * cols + c] - mean) * scale[i];
      out.data[i * cols + c] = gain.data[c] * normal[i * cols + c] + offset.data[c];
    }
  }
  tape.push(() => {
    for (let i = 0; i < rows; i++) {
      let mean = 0;
      let along = 0;
      for (let c = 0; c < cols; c++) {
        const g = out.grad[i * cols + c];
        gain.grad[c] += g * normal[i * cols + c];
        offset.grad[c] += g;
        mean += (g * gain.data[c]) / cols;
        along += (g * gain.data[c] * normal[i * cols + c]) / cols;
      }
      for (let c = 0; c < cols; c++) {
        const g = out.grad[i * cols + c] * gain.data[c];
        x.grad[i * cols + c] += scale[i] * (g - mean - normal[i * cols + c] * along);
      }
    }
  });
  return out;
}

/** softmax(Q Kᵀ · scale) V in each head of each sentence.
 *  lengths: tokens of each sentence; causal: a word sees none after it.
 *  Returns the mixtures, and the weights of each sentence: [heads][query][key]. */
export function attention(tape, q, k, v, { heads, lengths, causal, scale }) {
  const out = like(q);
  const { cols } = q;
  const width = cols / heads;
  const weights = lengths.map((n) => Array.from({ length: heads }, () => Array.from({ length: n }, () => new Float64Array(n))));
  const dot = (a, i, b, j, first) => {
    let sum = 0;
    for (let c = first; c < first + width; c++) sum += a[i * cols + c] * b[j * cols + c];
    return sum;
  };
  const addTo = (a, i, factor, b, j, first) => {
    for (let c = first; c < first + width; c++) a[i * cols + c] += factor * b[j * cols + c];
  };
  const everyRow = (visit) => {
    let start = 0;
    lengths.forEach((n, sentence) => {
      for (let head = 0; head < heads; head++) {
        for (let t = 0; t < n; t++) visit(weights[sentence][head][t], start, t, causal ? t + 1 : n, head * width);
      }
      start += n;
    });
  };
  everyRow((row, start, t, seen, first) => {
    for (let s = 0; s < seen; s++) row[s] = scale * dot(q.data, start + t, k.data, start + s, first);
    softmaxInPlace(row, seen);
    for (let s = 0; s < seen; s++) addTo(out.data, start + t, row[s], v.data, start + s, first);
  });
  tape.push(() => {
    everyRow((row, start, t, seen, first) => {
      const byWeight = row.map((_, s) => (s < seen ? dot(out.grad, start + t, v.data, start + s, first) : 0));
      const mean = row.reduce((sum, w, s) => sum + w * byWeight[s], 0);
      for (let s = 0; s < seen; s++) {
        addTo(v.grad, start + s, row[s], out.grad, start + t, first);
        const byScore = row[s] * (byWeight[s] - mean) * scale; // the Jacobian of softmax
        addTo(q.grad, start + t, byScore, k.data, start + s, first);
        addTo(k.grad, start + s, byScore, q.data, start + t, first);
      }
    });
  });
  return { out, weights };
}

/** The chosen rows of x. */
export function pick(tape, x, rows) {
  const out = like(x, rows.length);
  rows.forEach((from, row) => out.data.set(x.data.subarray(from * x.cols, (from + 1) * x.cols), row * x.cols));
  tape.push(() => {
    rows.forEach((from, row) => {
      for (let c = 0; c < x.cols; c++) x.grad[from * x.cols + c] += out.grad[row * x.cols + c];
    });
  });
  return out;
}

/** The mean of −log p(right word), p = softmax(logits); and p itself, a row for each. */
export function crossEntropy(tape, logits, targets) {
  const p = Float64Array.from(logits.data);
  const { rows, cols } = logits;
  let loss = 0;
  for (let i = 0; i < rows; i++) {
    softmaxInPlace(p.subarray(i * cols, (i + 1) * cols), cols);
    loss -= Math.log(p[i * cols + targets[i]]) / rows;
  }
  tape.push(() => {
    for (let i = 0; i < rows * cols; i++) {
      const right = targets[Math.floor(i / cols)] === i % cols ? 1 : 0;
      logits.grad[i] += (p[i] - right) / rows;
    }
  });
  return { loss, p };
}

function softmaxInPlace(row, n) {
  let peak = -Infinity;
  for (let s = 0; s < n; s++) peak = Math.max(peak, row[s]);
  let total = 0;
  for (let s = 0; s < n; s++) total += row[s] = Math.exp(row[s] - peak);
  for (let s = 0; s < n; s++) row[s] /= total;
}

export function backward(tape) {
  for (let i = tape.length - 1; i >= 0; i--) tape[i]();
}

// The model

/** Starting weights as in incontext.transformer.init_weights, under PyTorch's names.
 *  config: { vocabSize, nPositions, dModel, heads, dFf, layers, positions }; normal: draws. */
export function newModel(config, normal, Numbers = Float32Array) {
  const { vocabSize, nPositions, dModel, dFf, layers, positions } = config;
  const weights = {};
  const draw = (name, rows, cols, std = 0.02) => {
    weights[name] = matrix(rows, cols, Numbers);
    for (let i = 0; i < rows * cols; i++) weights[name].data[i] = std * normal();
  };
  const vector = (name, cols, value) => {
    weights[name] = matrix(1, cols, Numbers);
    weights[name].data.fill(value);
  };
  const map = (name, rows, cols, std) => {
    draw(\`\${name}.weight\`, rows, cols, std);
    vector(\`\${name}.bias\`, rows, 0);
  };
  const norm = (name) => {
    vector(\`\${name}.weight\`, dModel, 1);
    vector(\`\${name}.bias\`, dModel, 0);
  };
  draw("stack.token_embedding.weight", vocabSize, dModel);
  if (positions) draw("stack.position_embedding.weight", nPositions, dModel);
  for (let layer = 0; layer < layers; layer++) {
    const block = \`stack.blocks.\${layer}\`;
    const writes = 0.02 / Math.sqrt(2 * layers); // what writes into the residual stream
    for (const one of ["q_proj", "k_proj", "v_proj"]) map(\`\${block}.attention.\${one}\`, dModel, dModel);
    map(\`\${block}.attention.out_proj\`, dModel, dModel, writes);
    norm(\`\${block}.attention_norm\`);
    map(\`\${block}.feed_forward.up\`, dFf, dModel);
    map(\`\${block}.feed_forward.down\`, dModel, dFf, writes);
    norm(\`\${block}.feed_forward_norm\`);
  }
  norm("stack.final_norm");
  return { config, weights };
}

/** Logits of the asked rows, and the weights of every layer: [layer][sentence][head][query][key].
 *  batch: { ids, places, lengths, rows }: tokens one sentence below the other, each one's place in
 *  its sentence, how many each has, and which rows are asked. */
export function forward(tape, { config, weights }, { ids, places, lengths, rows }) {
  const { dModel, heads, layers, positions, causal, scaled, residual } = config;
  const scale = scaled ? 1 / Math.sqrt(dModel / heads) : 1;
  const through = (name, x) => linear(tape, x, weights[\`\${name}.weight\`], weights[\`\${name}.bias\`]);
  const normed = (name, x) => layerNorm(tape, x, weights[\`\${name}.weight\`], weights[\`\${name}.bias\`]);
  const joined = (x, update) => (residual ? add(tape, x, update) : update);

  let x = lookup(tape, weights["stack.token_embedding.weight"], ids);
  if (positions) x = add(tape, x, lookup(tape, weights["stack.position_embedding.weight"], places));
  const hidden = [x];
  const maps = [];
  for (let layer = 0; layer < layers; layer++) {
    const block = \`stack.blocks.\${layer}\`;
    const y = normed(\`\${block}.attention_norm\`, x);
    const [q, k, v] = ["q_proj", "k_proj", "v_proj"].map((one) => through(\`\${block}.attention.\${one}\`, y));
    const mixed = attention(tape, q, k, v, { heads, lengths, causal, scale });
    x = joined(x, through(\`\${block}.attention.out_proj\`, mixed.out));
    const z = normed(\`\${block}.feed_forward_norm\`, x);
    const inner = relu(tape, through(\`\${block}.feed_forward.up\`, z));
    x = joined(x, through(\`\${block}.feed_forward.down\`, inner));
    hidden.push(x);
    maps.push(mixed.weights);
  }
  const last = normed("stack.final_norm", pick(tape, x, rows));
  return { logits: linear(tape, last, weights["stack.token_embedding.weight"]), maps, hidden };
}

/** The loss at the answers of a batch; with \`learn\` its gradients, in each weight's \`grad\`. */
export function lossOf(model, batch, learn = true) {
  const tape = [];
  for (const weight of Object.values(model.weights)) weight.grad.fill(0);
  const { logits, maps, hidden } = forward(tape, model, batch);
  const { loss, p } = crossEntropy(tape, logits, batch.answers);
  if (learn) backward(tape);
  return { loss, p, maps, hidden };
}

// AdamW, as torch.optim.AdamW

export function newOptimizer({ weights }, { weightDecay = 0.01, betas = [0.9, 0.999], eps = 1e-8 } = {}) {
  const moments = Object.fromEntries(Object.entries(weights).map(([name, { data }]) => [name, [data.slice().fill(0), data.slice().fill(0)]]));
  return { weightDecay, betas, eps, moments, steps: 0 };
}

export function step({ weights }, optimizer, learningRate) {
  const { weightDecay, betas: [b1, b2], eps, moments } = optimizer;
  const n = ++optimizer.steps;
  for (const [name, { data, grad }] of Object.entries(weights)) {
    const [first, second] = moments[name];
    for (let i = 0; i < data.length; i++) {
      first[i] = b1 * first[i] + (1 - b1) * grad[i];
      second[i] = b2 * second[i] + (1 - b2) * grad[i] * grad[i];
      data[i] -= learningRate * weightDecay * data[i];
      data[i] -= (learningRate * (first[i] / (1 - b1 ** n))) / (Math.sqrt(second[i] / (1 - b2 ** n)) + eps);
    }
  }
}

/** It rises in a straight line, then falls along half a cosine to a tenth: training.learning_rate. */
export function learningRate(at, { nSteps, warmUp, highest }) {
  if (at < warmUp) return (highest * (at + 1)) / warmUp;
  const done = (at - warmUp) / Math.max(1, nSteps - warmUp);
  return highest * (0.1 + (0.9 * (1 + Math.cos(Math.PI * done))) / 2);
}

// Chance: the same seed gives the same numbers in every browser.

/** Uniform numbers in [0, 1) from a 32-bit seed (mulberry32). */
export function uniformFrom(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), state | 1);
    x = (x + Math.imul(x ^ (x >>> 7), x | 61)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Normal numbers with mean 0 and standard deviation 1 (Box and Muller). */
export function normalFrom(uniform) {
  return () => Math.sqrt(-2 * Math.log(1 - uniform())) * Math.cos(2 * Math.PI * uniform());
}
`],W=3,oe=.95,[re,ae]=[32,48],F=Math.log(2),K="var(--ic-1)",A="var(--ic-muted)",P="var(--ic-2)",ie="paint-order:stroke;stroke:var(--ic-paper);stroke-width:4px",I=["reading","families","positions","scaled","residual","heads","layers","learning_rate","seed","prediction"],ce=["positions","scaled","residual","heads","layers","learning_rate","seed"],G=X({name:"training",inPicture:[...I,"sentence","layer","head"],prepare(e){let s=t=>Object.fromEntries(Object.entries(t).map(([n,o])=>[n,{...o,steps:e.looks,families:e.family_sets[o.choices.families]}]));return{...e,recorded:s(e.recorded),two_families:s(e.two_families),last:e.looks.at(-1)}},live:e=>D(e,{workerSource:se,choicesOf:s=>Object.fromEntries(I.map(t=>[t,s[t]]))}),limits(e,s,t){let{layers:n,heads:o}=H(e,s,t).choices;return{layer:n,head:o}},compute({values:e,data:s,live:t}){let n=H(e,s,t),{choices:o}=n,r=n.steps.filter(h=>h<=e.step).length-1,[d,l]=[Math.min(e.layer,o.layers),Math.min(e.head,o.heads)];return{...e,data:s,run:n,choices:o,now:r,layer:d,head:l,live:t??{status:"none"},behind:t?.run?s[o.families==="two"?"two_families":"recorded"][o.reading]:null,floors:s.floors[o.reading],...de(n,s.shown[e.sentence],{now:r,sentence:Number(e.sentence),layer:d,head:l})}},numbers(e){let{data:s,run:t,choices:n,now:o,floors:r,words:d,map:l,layer:h,head:a,behind:i}=e,p=m=>s.names[m],k=(m,{steps:x,families:g,loss:$,accuracy:y})=>x.flatMap((b,R)=>[["loss",$],["share right",y]].flatMap(([E,u])=>g.map(O=>[`${m}${E}, step ${b}`,p(O),u[O][R]]))),f=(m,{steps:x,same:g,other:$})=>x.flatMap((y,b)=>[[`${m}cosine of “bank”, step ${y}`,"one meaning",g[b]],[`${m}cosine of “bank”, step ${y}`,"two meanings",$[b]]]);return{columns:["","of","value"],rows:[["training step","",t.steps[o]??0],...t.families.flatMap(m=>Object.entries(s.knowing).map(([x,g])=>[`best possible loss, ${g}`,p(m),r[m][x]])),...k("",t),...f("",t),...i?[...k("recorded: ",i),...f("recorded: ",i)]:[],...l.flatMap((m,x)=>m.flatMap((g,$)=>$<=x||n.reading==="both-sides"?[[`weight from “${d[x]}” (${x+1})`,`to “${d[$]}” (${$+1})`,g]]:[])),["map","layer",h],["map","head",a],...I.map(m=>["next run",s.choices[m],le(e[m])])]}},sentence(e){let{data:s,run:t,now:n,live:o}=e,r=t.steps[n]??0,d=t.families.map(i=>`${s.names[i]} ${T(t.accuracy[i][n]??0)}`).join(", ");if(o.status==="none")return`The recorded run reads ${B(e)}. After ${r===1?"1 step":`${r} steps`} it gets these shares of held-out sentences right: ${d}.`;if(o.status==="ended"&&n===t.steps.length-1)return pe(e);let l=t.families.map(i=>[i,N(t,i)]).filter(([,i])=>i!==void 0),h=l.length?`Learned so far: ${l.map(([i,p])=>`${s.names[i]} by step ${p}`).join(", ")}.`:"Nothing is learned yet.";return`Your run ${{training:"is under way",paused:"is paused",stopped:"was stopped",ended:"is over"}[o.status]}: it reads ${B(e)}${q(e)}. ${h}`},draw:(e,s)=>[ge(e,s),xe(e,s),be(e,s),c("details",{class:"ic-fold"},c("summary",{},"Read the code"),c("p",{style:"margin:0.3rem 0"},"The whole engine, forward and backward, as it runs here:"),c("pre",{tabindex:0,role:"group","aria-label":"The code of the engine",style:"max-height:24rem;overflow:auto;margin:0;padding:0.6rem;background:var(--ic-soft);color:var(--ic-text);font-size:0.78rem;line-height:1.4;border-radius:6px"},ne))]}),H=(e,s,t)=>t?.run??s.recorded[e.reading],le=e=>({true:"yes",false:"no"})[e]??e;function de({choices:e,maps:s,steps:t},n,{now:o,sentence:r,layer:d,head:l}){let h=n.split(" "),a=h.findIndex(g=>g.startsWith("*")),i=e.reading==="left-to-right",p=i?h.slice(0,a):h.map((g,$)=>$===a?"?":g),k=i?a-1:a;if(!t.length)return{words:p,asked:k,map:p.map(()=>p.map(()=>0))};let f=p.length,m=((d-1)*e.heads+l-1)*f*f,x=s[r]?.levels?he(s[r],o):g=>s[o][r][g];return{words:p,asked:k,map:p.map((g,$)=>p.map((y,b)=>x(m+$*f+b)))}}var he=({shape:[e],levels:s},t)=>n=>(s.charCodeAt(n*e+t)-ae)/re;function N({steps:e,accuracy:s},t){let n=s[t].findLastIndex(o=>o<oe);return e[n+1]}var B=({choices:e})=>e.reading==="both-sides"?"both sides":"left to right";function q({choices:e,data:s}){let t=s.recorded[e.reading].choices,n={positions:()=>"without positions",scaled:()=>"without √d_k",residual:()=>"without the residual stream",heads:r=>r===1?"with 1 head":`with ${r} heads`,layers:r=>r===1?"with 1 layer":`with ${r} layers`,learning_rate:r=>`at learning rate ${Y(r)}`,seed:r=>`from seed ${r}`},o=ce.filter(r=>e[r]!==t[r]).map(r=>n[r](e[r]));return o.length?`, ${o.join(", ")}`:""}var z=e=>e.includes("who")?"who":e[0];function ue({run:e,behind:s,floors:t}){let n=z(e.families),[o,r,d]=[e.loss[n].at(-1),e.accuracy[n].at(-1),t[n]["no context"]],l=N(e,n);return l!==void 0?[l>1.5*(N(s,n)??1/0)?"later":"learned"]:[o>.85*d&&"nothing",r<.7&&o<Math.max((F+d)/2,F+.2)&&"coin"].filter(Boolean)}function pe(e){let{data:s,run:t,choices:n}=e,o=z(t.families),r=`“${s.names[o]}”`,d=ue(e),l=N(t,o),h=`loss ${_(t.loss[o].at(-1))}, ${T(t.accuracy[o].at(-1))} right`,a=l!==void 0?`learned ${r} by step ${l}: ${h}`:d.includes("coin")?`ends at a coin toss for ${r}: ${h}, and a coin toss cannot come below ln 2, 0.69`:d.includes("nothing")?`learned nothing from the words of ${r}: ${h}`:`learned ${r} only in part: ${h}`,i=n.prediction==="none"?"":d.includes(n.prediction)?" You predicted it.":" You predicted something else.";return`Your run, which reads ${B(e)}${q(e)}, ${a}.${fe(e,l!==void 0)}${i}`}function fe({choices:e,run:s},t){return e.positions||!s.families.includes("who")?"":e.reading==="both-sides"?t?"":" Without positions the words are the same, whoever did it.":t?" The causal mask gives the order away: each word sees only those before it.":""}var me=e=>e.map(([s,t])=>`${s.toFixed(1)},${t.toFixed(1)}`).join(" ");function V({data:e},{set:s},t,n){let o=d=>n.left+d/e.last*(n.right-n.left),r=te(d=>{let l=(d*t-n.left)/(n.right-n.left)*e.last;s({step:e.looks.reduce((h,a)=>Math.abs(a-l)<Math.abs(h-l)?a:h)})});return{x:o,turn:r}}var C=(e,s,{steps:t},n,o)=>c("polyline",{fill:"none","stroke-linejoin":"round",...o,points:me(t.map((r,d)=>[e(r),s(n[d])]))});function ge(e,s){let t=s.width>=600?4:2,n=22,o=Math.floor((s.width-n*(t-1))/t);return c("div",{style:`display:grid;gap:14px ${n}px;grid-template-columns:repeat(${t},${o}px)`},Object.keys(e.data.names).map(r=>ye(e,s,r,o)))}function ye(e,s,t,n){let{data:o,run:r,behind:d,now:l,floors:h}=e,a={left:1,right:n-6},[i,p,k,f,m]=[44,164,190,226,244],{x,turn:g}=V(e,s,n,a),$=w=>p-Math.min(Number.isFinite(w)?w:W,W)/W*(p-i),y=w=>f-w*(f-k),b=r.families.includes(t)&&l>=0,R=r.steps[l]??0,[E,u]=b?[r.loss[t][l],r.accuracy[t][l]]:[],O=o.names[t],j=b?`${O}: loss ${_(E)} and ${T(u)} right at step ${R}`:`${O}: not trained on in this run`,L=Object.entries(o.knowing).map(([w,M])=>[h[t][w],M]).filter(([w],M,v)=>w>.01&&v.findIndex(([U])=>Math.abs(U-w)<.01)===M);return c("svg",{class:"ic-draggable",width:n,height:m,viewBox:`0 0 ${n} ${m}`,role:"img","aria-label":j,...g},c("rect",{width:n,height:m,fill:"transparent"}),c("text",{class:"ic-label",x:0,y:13,style:"font-weight:600"},O),c("text",{class:"ic-axis",x:0,y:32},b?`loss ${_(E)}`:"not in this run"),c("line",{class:"ic-hairline",x1:a.left,x2:a.right,y1:p,y2:p}),L.map(([w])=>c("line",{x1:a.left,x2:a.right,y1:$(w),y2:$(w),stroke:"var(--ic-muted)","stroke-width":1,"stroke-dasharray":"2 3"})),d?.loss[t]&&C(x,$,d,d.loss[t],{stroke:A,"stroke-width":1.4,"stroke-opacity":.45}),b&&C(x,$,r,r.loss[t],{stroke:K,"stroke-width":2}),L.map(([w,M])=>c("text",{class:"ic-axis",x:a.right,y:$(w)+(M===o.knowing["no order"]&&p-$(w)>20?12:-4),"text-anchor":"end",style:`font-size:11px;${ie}`},`${M} ${_(w)}`)),b&&c("text",{class:"ic-axis",x:0,y:k-6},`${T(u)} right`),c("line",{class:"ic-hairline",x1:a.left,x2:a.right,y1:f,y2:f}),c("line",{x1:a.left,x2:a.right,y1:y(.5),y2:y(.5),class:"ic-hairline","stroke-dasharray":"2 3"}),d?.loss[t]&&C(x,y,d,d.accuracy[t],{stroke:A,"stroke-width":1.4,"stroke-opacity":.45}),b&&C(x,y,r,r.accuracy[t],{stroke:K,"stroke-width":2}),c("line",{x1:x(R),x2:x(R),y1:i,y2:f,stroke:P,"stroke-opacity":.35}),b&&[[$(E)],[y(u)]].map(([w])=>c("circle",{cx:x(R),cy:w,r:4.5,fill:P,stroke:"var(--ic-paper)","stroke-width":1.5})),c("text",{class:"ic-axis",x:0,y:m-2,style:"font-size:11px"},"step 0"),c("text",{class:"ic-axis",x:a.right,y:m-2,"text-anchor":"end",style:"font-size:11px"},String(o.last)))}function xe(e,s){let{live:t,data:n}=e,{status:o}=t,r=s.live,d=o==="training"||o==="paused",l=(i,p,k,f)=>c("button",{type:"button",onclick:p,disabled:k,...f},i),h=(...i)=>c("div",{class:"ic-controls",style:"margin:0.5rem 0;gap:0.5rem 1.4rem"},i),a=n.names[z(n.family_sets[e.families])];return c("div",{role:"group","aria-label":"The next run",style:"margin:1.2rem 0 1.4rem;padding-top:0.8rem;border-top:1px solid var(--ic-line)"},c("p",{style:"margin:0;font-weight:600"},"The next run"),h(s.control("reading"),s.control("families")),h(s.control("positions"),s.control("scaled"),s.control("residual"),s.control("seed")),h(s.control("heads"),s.control("layers"),s.control("learning_rate")),h(c("p",{style:"margin:0.2rem 0 -0.2rem;flex-basis:100%"},`Before you train: what will become of “${a}”, compared with the recorded run?`),s.control("prediction")),c("div",{class:"ic-controls",style:"gap:0.5rem"},l("Train",r.train,!1,{style:"background:var(--ic-accent);border-color:var(--ic-accent);color:var(--ic-paper);font-weight:600"}),o==="paused"?l("Go on",r.goOn,!1,{key:"pause"}):l("Pause",r.pause,o!=="training",{key:"pause"}),l("Stop",r.stop,!d),l("Back to the recorded run",r.reset,o==="none"),l("Download the model",r.download,o==="none"||o==="training")),c("div",{style:"display:flex;flex-wrap:wrap;gap:0 0.8rem;align-items:center;min-height:1.6rem;margin-top:0.5rem"},c("progress",{max:n.recipe.n_steps,after:i=>{i.value=t.at??0},"aria-label":"Steps of your run",style:"width:9rem;height:0.5rem;accent-color:var(--ic-accent)"}),c("span",{class:"ic-head",style:"font-variant-numeric:tabular-nums"},$e(e))))}function $e({live:e,data:s,run:t}){if(e.status==="none")return"Nothing runs yet.";let n={paused:", paused",stopped:", stopped"}[e.status]??"",o=t.steps.length?t.families.map(r=>`${s.names[r]} ${T(t.accuracy[r].at(-1))}`):[];return`Step ${e.at} of ${s.recipe.n_steps}, ${_(e.seconds,0)} s${n}${o.length?`. Right: ${o.join(", ")}`:""}`}function be(e,s){let t=s.width>=600,n=26,o=t?Math.floor(.58*(s.width-n)):s.width,r=t?s.width-n-o:s.width,{words:d,map:l,asked:h,layer:a,head:i,run:p,now:k}=e,f=o-60;return c("div",{style:"padding-top:0.8rem;border-top:1px solid var(--ic-line)"},c("div",{class:"ic-controls",style:"margin-bottom:0.7rem"},s.control("sentence"),s.control("layer"),s.control("head")),c("div",{style:`display:grid;gap:0.8rem ${n}px;grid-template-columns:${t?`${o}px ${r}px`:"1fr"}`},c("div",{style:`min-height:${f}px`},c("div",{class:"ic-head"},`Layer ${a}, head ${i}, after ${p.steps[k]??0} steps: queries down, keys across. The answer is read off the framed row; it looks most at “${d[ee(l[h])]}”, ${T(Math.max(...l[h]))}.`),Z({matrix:l,rows:d,columns:d,width:o,chosen:{row:h},maxCell:Math.min(30,(f-90)/d.length),label:`Weights of layer ${a}, head ${i}, over: ${d.join(" ")}`})),we(e,s,r)))}function we(e,s,t){let{run:n,behind:o,now:r,data:d}=e,[l,h,a]=[52,214,238],i={left:26,right:t-6},{x:p,turn:k}=V(e,s,t,i),f=y=>h-(y+1)/2*(h-l),m=n.steps[r]??0,x=[["same","one meaning","var(--ic-1)"],["other","two meanings","var(--ic-3)"]],g=n.families.includes("bank")?"What tells the “bank”s of eight sentences apart?":"“bank” is not in this run, so nothing has taught it to tell the “bank”s of eight sentences apart.",$=`Cosine of two banks about their mean, after layer 1, at step ${m}: ${x.map(([y,b])=>`${b} ${_(n[y][r]??0)}`).join(", ")}`;return c("div",{},c("div",{class:"ic-head"},`${g} Cosine of two of them after layer 1, less what all eight share.`),c("svg",{class:"ic-draggable",width:t,height:a,viewBox:`0 0 ${t} ${a}`,role:"img","aria-label":$,...k},c("rect",{width:t,height:a,fill:"transparent"}),[-1,0,1].map(y=>[c("line",{class:"ic-hairline",x1:i.left,x2:i.right,y1:f(y),y2:f(y)}),c("text",{class:"ic-axis",x:i.left-6,y:f(y),"text-anchor":"end","dominant-baseline":"central"},Y(y))]),x.map(([y,b,R],E)=>[o&&C(p,f,o,o[y],{stroke:A,"stroke-width":1.4,"stroke-opacity":.45}),C(p,f,n,n[y],{stroke:R,"stroke-width":2}),r>=0&&c("circle",{cx:p(m),cy:f(n[y][r]),r:4.5,fill:R,stroke:"var(--ic-paper)","stroke-width":1.5}),c("line",{x1:i.left,x2:i.left+14,y1:14+18*E,y2:14+18*E,stroke:R,"stroke-width":2.4}),c("text",{class:"ic-label",x:i.left+20,y:14+18*E,"dominant-baseline":"central"},`${b} ${_(n[y][r]??0)}`)]),c("text",{class:"ic-axis",x:i.left,y:a-4,style:"font-size:11px"},"step 0"),c("text",{class:"ic-axis",x:i.right,y:a-4,"text-anchor":"end",style:"font-size:11px"},String(d.last))))}(globalThis.incontextExplorables??(globalThis.incontextExplorables={})).training=G;})();
