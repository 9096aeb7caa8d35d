(()=>{function D({model:e,data:s,values:t,set:n,changed:o},{workerSource:r,choicesOf:l}){let d=typeof e.send=="function",h={status:"none",run:null,at:0,seconds:0},a=h,c=null,f=null,k=!1,b={start({choices:u}){a={status:"training",run:Q(u,s),at:0,seconds:0},n({step:0})},look({step:u,loss:O,accuracy:R,same:_,other:w},M){let{run:E}=a;if(!E)return;let U=t().step>=(E.steps.at(-1)??0);E.steps.push(u);for(let S of E.families)E.loss[S].push(O[S]),E.accuracy[S].push(R[S]);E.same.push(_),E.other.push(w),E.maps.push(M),a={...a,at:Math.max(a.at,u)},U&&n({step:u})},step({step:u,seconds:O,ended:R}){a={...a,at:u,seconds:O,status:R?"ended":a.status}},file(u,[O]){V(O,"transformer.safetensors")}};function p(u,O){b[u.kind]?.(u,O),o()}let y=(u,O)=>p(u,(O??[]).map(R=>u.kind==="file"?R:new Float32Array(R.buffer.slice(R.byteOffset,R.byteOffset+R.byteLength))));function m(u){d?e.send({do:u.do}):c?.postMessage(u)}function $(){c?.terminate(),f&&URL.revokeObjectURL(f),c=f=null}function g(){$(),f=URL.createObjectURL(new Blob([r],{type:"text/javascript"})),c=new Worker(f),c.onmessage=({data:u})=>p(u,u.maps??[u.bytes])}let x=u=>{a={...a,status:u},o()},j={state:()=>a,train(){let u=l(t());d||(g(),b.start({choices:u}));let{recorded:O,...R}=s;m({do:"train",choices:u,data:R}),o()},pause(){m({do:"pause"}),x("paused")},goOn(){m({do:"go on"}),x("training")},stop(){m({do:d?"stop":"pause"}),x("stopped")},download(){m({do:"file"})},reset(){a.status!=="none"&&(d&&m({do:"forget"}),$(),a=h,o())},end(){document.removeEventListener("visibilitychange",v),d&&e.off("msg:custom",y),$()}};function v(){document.hidden&&a.status==="training"?(k=!0,m({do:"pause"})):!document.hidden&&k&&(k=!1,a.status==="training"&&m({do:"go on"}))}return document.addEventListener("visibilitychange",v),d&&(e.on("msg:custom",y),e.send({do:"tell"})),j}function Q(e,{family_sets:s}){let t=s[e.families],n=()=>Object.fromEntries(t.map(o=>[o,[]]));return{choices:e,families:t,steps:[],loss:n(),accuracy:n(),same:[],other:[],maps:[]}}function V(e,s){let t=document.createElement("a");t.href=URL.createObjectURL(new Blob([e],{type:"application/octet-stream"})),t.download=s,t.click(),setTimeout(()=>URL.revokeObjectURL(t.href),1e3)}var{h:i}=incontextCore,{explorable:q}=incontextCore,{fixed:L,number:J,percent:T}=incontextCore,{heatmap:X}=incontextCore,{dragHandlers:Z}=incontextCore,[ee,te]=['(()=>{function z(o,t,e=Float32Array){return{rows:o,cols:t,data:new e(o*t),grad:new e(o*t)}}var j=(o,t=o.rows,e=o.cols)=>z(t,e,o.data.constructor);function rt(o,t,e,s,n,r){for(let l=0;l<s;l++)for(let a=0;a<n;a++){let p=t[l*n+a];if(p!==0)for(let d=0;d<r;d++)o[l*r+d]+=p*e[a*r+d]}}function at(o,t,e,s,n,r){for(let l=0;l<s;l++)for(let a=0;a<r;a++){let p=0;for(let d=0;d<n;d++)p+=t[l*n+d]*e[a*n+d];o[l*r+a]+=p}}function lt(o,t,e,s,n,r){for(let l=0;l<n;l++)for(let a=0;a<s;a++){let p=t[l*s+a];if(p!==0)for(let d=0;d<r;d++)o[a*r+d]+=p*e[l*r+d]}}function L(o,t,e){let s=j(t,e.length),n=t.cols;return e.forEach((r,l)=>s.data.set(t.data.subarray(r*n,(r+1)*n),l*n)),o.push(()=>{e.forEach((r,l)=>{for(let a=0;a<n;a++)t.grad[r*n+a]+=s.grad[l*n+a]})}),s}function P(o,t,e){let s=j(t);for(let n=0;n<s.data.length;n++)s.data[n]=t.data[n]+e.data[n];return o.push(()=>{for(let n=0;n<s.grad.length;n++)t.grad[n]+=s.grad[n],e.grad[n]+=s.grad[n]}),s}function D(o,t,e,s){let n=j(t,t.rows,e.rows);if(s)for(let r=0;r<t.rows;r++)n.data.set(s.data,r*n.cols);return at(n.data,t.data,e.data,t.rows,t.cols,e.rows),o.push(()=>{rt(t.grad,n.grad,e.data,t.rows,e.rows,t.cols),lt(e.grad,n.grad,t.data,e.rows,t.rows,t.cols),s&&n.grad.forEach((r,l)=>{s.grad[l%n.cols]+=r})}),n}function ct(o,t){let e=j(t);for(let s=0;s<e.data.length;s++)e.data[s]=Math.max(0,t.data[s]);return o.push(()=>{for(let s=0;s<e.grad.length;s++)t.data[s]>0&&(t.grad[s]+=e.grad[s])}),e}function it(o,t,e,s,n=1e-5){let r=j(t),{rows:l,cols:a}=t,p=new Float64Array(l*a),d=new Float64Array(l);for(let f=0;f<l;f++){let w=0;for(let c=0;c<a;c++)w+=t.data[f*a+c]/a;let _=0;for(let c=0;c<a;c++)_+=(t.data[f*a+c]-w)**2/a;d[f]=1/Math.sqrt(_+n);for(let c=0;c<a;c++)p[f*a+c]=(t.data[f*a+c]-w)*d[f],r.data[f*a+c]=e.data[c]*p[f*a+c]+s.data[c]}return o.push(()=>{for(let f=0;f<l;f++){let w=0,_=0;for(let c=0;c<a;c++){let i=r.grad[f*a+c];e.grad[c]+=i*p[f*a+c],s.grad[c]+=i,w+=i*e.data[c]/a,_+=i*e.data[c]*p[f*a+c]/a}for(let c=0;c<a;c++){let i=r.grad[f*a+c]*e.data[c];t.grad[f*a+c]+=d[f]*(i-w-p[f*a+c]*_)}}}),r}function dt(o,t,e,s,{heads:n,lengths:r,causal:l,scale:a}){let p=j(t),{cols:d}=t,f=d/n,w=r.map(u=>Array.from({length:n},()=>Array.from({length:u},()=>new Float64Array(u)))),_=(u,h,m,g,b)=>{let y=0;for(let O=b;O<b+f;O++)y+=u[h*d+O]*m[g*d+O];return y},c=(u,h,m,g,b,y)=>{for(let O=y;O<y+f;O++)u[h*d+O]+=m*g[b*d+O]},i=u=>{let h=0;r.forEach((m,g)=>{for(let b=0;b<n;b++)for(let y=0;y<m;y++)u(w[g][b][y],h,y,l?y+1:m,b*f);h+=m})};return i((u,h,m,g,b)=>{for(let y=0;y<g;y++)u[y]=a*_(t.data,h+m,e.data,h+y,b);T(u,g);for(let y=0;y<g;y++)c(p.data,h+m,u[y],s.data,h+y,b)}),o.push(()=>{i((u,h,m,g,b)=>{let y=u.map((k,M)=>M<g?_(p.grad,h+m,s.data,h+M,b):0),O=u.reduce((k,M,F)=>k+M*y[F],0);for(let k=0;k<g;k++){c(s.grad,h+k,u[k],p.grad,h+m,b);let M=u[k]*(y[k]-O)*a;c(t.grad,h+m,M,e.data,h+k,b),c(e.grad,h+k,M,t.data,h+m,b)}})}),{out:p,weights:w}}function ft(o,t,e){let s=j(t,e.length);return e.forEach((n,r)=>s.data.set(t.data.subarray(n*t.cols,(n+1)*t.cols),r*t.cols)),o.push(()=>{e.forEach((n,r)=>{for(let l=0;l<t.cols;l++)t.grad[n*t.cols+l]+=s.grad[r*t.cols+l]})}),s}function pt(o,t,e){let s=Float64Array.from(t.data),{rows:n,cols:r}=t,l=0;for(let a=0;a<n;a++)T(s.subarray(a*r,(a+1)*r),r),l-=Math.log(s[a*r+e[a]])/n;return o.push(()=>{for(let a=0;a<n*r;a++){let p=e[Math.floor(a/r)]===a%r?1:0;t.grad[a]+=(s[a]-p)/n}}),{loss:l,p:s}}function T(o,t){let e=-1/0;for(let n=0;n<t;n++)e=Math.max(e,o[n]);let s=0;for(let n=0;n<t;n++)s+=o[n]=Math.exp(o[n]-e);for(let n=0;n<t;n++)o[n]/=s}function ut(o){for(let t=o.length-1;t>=0;t--)o[t]()}function q(o,t,e=Float32Array){let{vocabSize:s,nPositions:n,dModel:r,dFf:l,layers:a,positions:p}=o,d={},f=(i,u,h,m=.02)=>{d[i]=z(u,h,e);for(let g=0;g<u*h;g++)d[i].data[g]=m*t()},w=(i,u,h)=>{d[i]=z(1,u,e),d[i].data.fill(h)},_=(i,u,h,m)=>{f(`${i}.weight`,u,h,m),w(`${i}.bias`,u,0)},c=i=>{w(`${i}.weight`,r,1),w(`${i}.bias`,r,0)};f("stack.token_embedding.weight",s,r),p&&f("stack.position_embedding.weight",n,r);for(let i=0;i<a;i++){let u=`stack.blocks.${i}`,h=.02/Math.sqrt(2*a);for(let m of["q_proj","k_proj","v_proj"])_(`${u}.attention.${m}`,r,r);_(`${u}.attention.out_proj`,r,r,h),c(`${u}.attention_norm`),_(`${u}.feed_forward.up`,l,r),_(`${u}.feed_forward.down`,r,l,h),c(`${u}.feed_forward_norm`)}return c("stack.final_norm"),{config:o,weights:d}}function ht(o,{config:t,weights:e},{ids:s,places:n,lengths:r,rows:l}){let{dModel:a,heads:p,layers:d,positions:f,causal:w,scaled:_,residual:c}=t,i=_?1/Math.sqrt(a/p):1,u=(k,M)=>D(o,M,e[`${k}.weight`],e[`${k}.bias`]),h=(k,M)=>it(o,M,e[`${k}.weight`],e[`${k}.bias`]),m=(k,M)=>c?P(o,k,M):M,g=L(o,e["stack.token_embedding.weight"],s);f&&(g=P(o,g,L(o,e["stack.position_embedding.weight"],n)));let b=[g],y=[];for(let k=0;k<d;k++){let M=`stack.blocks.${k}`,F=h(`${M}.attention_norm`,g),[Z,tt,ot]=["q_proj","k_proj","v_proj"].map(st=>u(`${M}.attention.${st}`,F)),I=dt(o,Z,tt,ot,{heads:p,lengths:r,causal:w,scale:i});g=m(g,u(`${M}.attention.out_proj`,I.out));let et=h(`${M}.feed_forward_norm`,g),nt=ct(o,u(`${M}.feed_forward.up`,et));g=m(g,u(`${M}.feed_forward.down`,nt)),b.push(g),y.push(I.weights)}let O=h("stack.final_norm",ft(o,g,l));return{logits:D(o,O,e["stack.token_embedding.weight"]),maps:y,hidden:b}}function E(o,t,e=!0){let s=[];for(let d of Object.values(o.weights))d.grad.fill(0);let{logits:n,maps:r,hidden:l}=ht(s,o,t),{loss:a,p}=pt(s,n,t.answers);return e&&ut(s),{loss:a,p,maps:r,hidden:l}}function R({weights:o},{weightDecay:t=.01,betas:e=[.9,.999],eps:s=1e-8}={}){let n=Object.fromEntries(Object.entries(o).map(([r,{data:l}])=>[r,[l.slice().fill(0),l.slice().fill(0)]]));return{weightDecay:t,betas:e,eps:s,moments:n,steps:0}}function B({weights:o},t,e){let{weightDecay:s,betas:[n,r],eps:l,moments:a}=t,p=++t.steps;for(let[d,{data:f,grad:w}]of Object.entries(o)){let[_,c]=a[d];for(let i=0;i<f.length;i++)_[i]=n*_[i]+(1-n)*w[i],c[i]=r*c[i]+(1-r)*w[i]*w[i],f[i]-=e*s*f[i],f[i]-=e*(_[i]/(1-n**p))/(Math.sqrt(c[i]/(1-r**p))+l)}}function C(o,{nSteps:t,warmUp:e,highest:s}){if(o<e)return s*(o+1)/e;let n=(o-e)/Math.max(1,t-e);return s*(.1+.9*(1+Math.cos(Math.PI*n))/2)}function A(o){let t=o>>>0;return()=>{t=t+1831565813>>>0;let e=Math.imul(t^t>>>15,t|1);return e=e+Math.imul(e^e>>>7,e|61)^e,((e^e>>>14)>>>0)/2**32}}function J(o){return()=>Math.sqrt(-2*Math.log(1-o()))*Math.cos(2*Math.PI*o())}var gt=1;function mt(o,t,e){let s=d=>t.indexOf(d),n=o.split(" "),r=n.findIndex(d=>d.startsWith("*")),[l,a]=n[r].slice(1,-1).split("/").map(s),p=n.map((d,f)=>f===r?gt:s(d));return e==="left-to-right"?{ids:p.slice(0,r),row:r-1,right:l,other:a}:{ids:p,row:r,right:l,other:a}}function x(o){let t=o.map(({ids:s})=>s.length),e=t.map((s,n)=>t.slice(0,n).reduce((r,l)=>r+l,0));return{ids:o.flatMap(({ids:s})=>s),places:o.flatMap(({ids:s})=>s.map((n,r)=>r)),lengths:t,rows:o.map(({row:s},n)=>e[n]+s),answers:o.map(({right:s})=>s),starts:e}}function N(o,t){let e=l=>l.map(a=>mt(a,t.words,o.reading)),s=t.family_sets[o.families],n={vocabSize:t.words.length,nPositions:t.sizes.n_positions,dModel:t.sizes.d_model,dFf:t.sizes.d_ff,heads:o.heads,layers:o.layers,positions:o.positions,causal:o.reading==="left-to-right",scaled:o.scaled,residual:o.residual},r=q(n,J(A(o.seed)));return{choices:o,data:t,families:s,model:r,optimizer:R(r,{weightDecay:t.recipe.weight_decay}),train:s.map(l=>e(t.sentences[l].train)),heldOut:s.map(l=>e(t.sentences[l].held_out)),shown:e(t.shown),banks:e(t.banks),losses:[],looks:[]}}function wt(o,{choices:t,data:e,train:s}){let n=A(Math.imul(t.seed,1000003)+o+1),r=[];return s.forEach((l,a)=>{let p=Math.floor(e.recipe.batch_size*(a+1)/s.length);for(;r.length<p;)r.push(l[Math.floor(n()*l.length)])}),r}function W(o){let t=o.losses.length,{n_steps:e,warm_up:s}=o.data.recipe,{loss:n}=E(o.model,x(wt(t,o)));B(o.model,o.optimizer,C(t,{nSteps:e,warmUp:s,highest:o.choices.learning_rate})),o.losses.push(n)}function H(o){let t={step:o.losses.length,loss:{},accuracy:{}};return o.families.forEach((e,s)=>{let n=o.heldOut[s],{loss:r,p:l}=E(o.model,x(n),!1),a=n.filter(({right:p,other:d},f)=>l[f*o.data.words.length+p]>l[f*o.data.words.length+d]);t.loss[e]=r,t.accuracy[e]=a.length/n.length}),o.looks.push(t),t}function U(o){return o.shown.map(t=>{let{maps:e}=E(o.model,x([t]),!1);return Float32Array.from(e.flatMap(([s])=>s.flatMap(n=>n.flatMap(r=>[...r]))))})}function V(o){let t=x(o.banks),{hidden:e}=E(o.model,t,!1),{data:s,cols:n}=e[1],r=o.data.words.indexOf("bank"),l=o.banks.map(({ids:f},w)=>{let _=t.starts[w]+f.indexOf(r),c=[...s.subarray(_*n,(_+1)*n)],i=Math.hypot(...c);return c.map(u=>u/i)}),a={same:0,other:0},p={same:0,other:0},d=l.length/2;return l.forEach((f,w)=>l.slice(0,w).forEach((_,c)=>{let i=w<d==c<d?"same":"other";a[i]+=f.reduce((u,h,m)=>u+h*_[m],0),p[i]+=1})),{same:a.same/p.same,other:a.other/p.other}}function G({choices:o,data:t,families:e,model:s,losses:n,looks:r}){let{sizes:l,recipe:a}=t,p={config:{vocab_size:t.words.length,...l,n_heads:o.heads,n_layers:o.layers,activation:"relu",positions:o.positions?"learned":null,scaled:o.scaled,residual:o.residual},reading:o.reading,seed:o.seed,recipe:{...a,learning_rate:o.learning_rate,families:e,loss:"answer",stop_at:null},vocabulary:t.words,losses:n,looks:r},d={__metadata__:{incontext:JSON.stringify(p)}},f=0,w=Object.entries(s.weights);for(let[h,{rows:m,cols:g,data:b}]of w)d[h]={dtype:"F32",shape:m===1?[g]:[m,g],data_offsets:[f,f+b.byteLength]},f+=b.byteLength;let _=new TextEncoder().encode(JSON.stringify(d)),c=8*Math.ceil(_.length/8),i=new Uint8Array(8+c+f).fill(32,8,8+c);new DataView(i.buffer).setBigUint64(0,BigInt(c),!0),i.set(_,8);let u=8+c;for(let[,{data:h}]of w)i.set(new Uint8Array(h.buffer,h.byteOffset,h.byteLength),u),u+=h.byteLength;return i}var _t=40,yt=200,$=null,v=!1,K=0,Q=0,S=new MessageChannel;S.port1.onmessage=bt;function bt(){if(!v)return;let o=performance.now(),{n_steps:t,validate_every:e}=$.data.recipe;for(;performance.now()-o<_t&&$.losses.length<t;)W($),($.losses.length%e===0||$.losses.length===t)&&X();let s=performance.now();K+=(s-o)/1e3,v=$.losses.length<t,(s-Q>yt||!v)&&(Q=s,postMessage({kind:"step",step:$.losses.length,seconds:K,ended:!v})),v&&S.port2.postMessage(null)}function X(){postMessage({kind:"look",...H($),...V($),maps:U($)})}var Y={train({choices:o,data:t}){$=N(o,t),X(),Y["go on"]()},pause(){v=!1},"go on"(){v||(v=!0,S.port2.postMessage(null))},file(){postMessage({kind:"file",bytes:G($)})}};onmessage=({data:o})=>Y[o.do](o);})();\n',`// A transformer that learns, in one file: forward, backward and AdamW, with nothing but loops.
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
`],W=3,se=.95,[ne,oe]=[32,48],re=Math.log(2),F="var(--ic-1)",I="var(--ic-muted)",K="var(--ic-2)",ae="paint-order:stroke;stroke:var(--ic-paper);stroke-width:4px",A=["reading","positions","scaled","residual","heads","layers","families","learning_rate","seed","prediction"],ie=["positions","scaled","residual","heads","layers","learning_rate","seed"],H=q({name:"training",inPicture:[...A,"sentence","layer","head"],prepare(e){let s=Object.fromEntries(Object.entries(e.recorded).map(([t,n])=>[t,{...n,steps:e.looks,families:e.family_sets[n.choices.families]}]));return{...e,recorded:s,last:e.looks.at(-1)}},live:e=>D(e,{workerSource:ee,choicesOf:s=>Object.fromEntries(A.map(t=>[t,s[t]]))}),limits(e,s,t){let{layers:n,heads:o}=P(e,s,t).choices;return{layer:n,head:o}},compute({values:e,data:s,live:t}){let n=P(e,s,t),{choices:o}=n,r=n.steps.filter(h=>h<=e.step).length-1,[l,d]=[Math.min(e.layer,o.layers),Math.min(e.head,o.heads)];return{...e,data:s,run:n,choices:o,now:r,layer:l,head:d,live:t??{status:"none"},behind:t?.run?s.recorded[o.reading]:null,floors:s.floors[o.reading],...le(n,s.shown[e.sentence],{now:r,sentence:Number(e.sentence),layer:l,head:d})}},numbers(e){let{data:s,run:t,choices:n,now:o,floors:r,words:l,map:d,layer:h,head:a,behind:c}=e,f=p=>s.names[p],k=(p,{steps:y,families:m,loss:$,accuracy:g})=>y.flatMap((x,j)=>[["loss",$],["share right",g]].flatMap(([v,u])=>m.map(O=>[`${p}${v}, step ${x}`,f(O),u[O][j]]))),b=(p,{steps:y,same:m,other:$})=>y.flatMap((g,x)=>[[`${p}cosine of “bank”, step ${g}`,"one meaning",m[x]],[`${p}cosine of “bank”, step ${g}`,"two meanings",$[x]]]);return{columns:["","of","value"],rows:[["training step","",t.steps[o]??0],...t.families.flatMap(p=>Object.entries(s.knowing).map(([y,m])=>[`best possible loss, ${m}`,f(p),r[p][y]])),...k("",t),...b("",t),...c?[...k("recorded: ",c),...b("recorded: ",c)]:[],...d.flatMap((p,y)=>p.flatMap((m,$)=>$<=y||n.reading==="both-sides"?[[`weight from “${l[y]}” (${y+1})`,`to “${l[$]}” (${$+1})`,m]]:[])),["map","layer",h],["map","head",a],...A.map(p=>["next run",p,ce(e[p])])]}},sentence(e){let{data:s,run:t,now:n,live:o}=e,r=t.steps[n]??0,l=t.families.map(c=>`${s.names[c]} ${T(t.accuracy[c][n]??0)}`).join(", ");if(o.status==="none")return`The recorded run reads ${z(e)}. After ${r===1?"1 step":`${r} steps`} it answers these shares of held-out sentences rightly: ${l}.`;if(o.status==="ended"&&n===t.steps.length-1)return pe(e);let d=t.families.map(c=>[c,N(t,c)]).filter(([,c])=>c!==void 0),h=d.length?`Learned so far: ${d.map(([c,f])=>`${s.names[c]} by step ${f}`).join(", ")}.`:"Nothing is learned yet.";return`Your run ${{training:"is under way",paused:"is paused",stopped:"was stopped",ended:"is over"}[o.status]}: it reads ${z(e)}${G(e)}. ${h}`},draw:(e,s)=>[me(e,s),ye(e,s),xe(e,s),i("details",{class:"ic-fold"},i("summary",{},"Read the code"),i("p",{style:"margin:0.3rem 0"},"The whole engine, forward and backward, as it runs here:"),i("pre",{tabindex:0,role:"group","aria-label":"The code of the engine",style:"max-height:24rem;overflow:auto;margin:0;padding:0.6rem;background:var(--ic-soft);color:var(--ic-text);font-size:0.78rem;line-height:1.4;border-radius:6px"},te))]}),P=(e,s,t)=>t?.run??s.recorded[e.reading],ce=e=>({true:"yes",false:"no"})[e]??e;function le({choices:e,maps:s,steps:t},n,{now:o,sentence:r,layer:l,head:d}){let h=n.split(" "),a=h.findIndex(m=>m.startsWith("*")),c=e.reading==="left-to-right",f=c?h.slice(0,a):h.map((m,$)=>$===a?"?":m),k=c?a-1:a;if(!t.length)return{words:f,asked:k,map:f.map(()=>f.map(()=>0))};let b=f.length,p=((l-1)*e.heads+d-1)*b*b,y=s[r]?.levels?de(s[r],o):m=>s[o][r][m];return{words:f,asked:k,map:f.map((m,$)=>f.map((g,x)=>y(p+$*b+x)))}}var de=({shape:[e],levels:s},t)=>n=>(s.charCodeAt(n*e+t)-oe)/ne;function N({steps:e,accuracy:s},t){let n=s[t].findLastIndex(o=>o<se);return e[n+1]}var z=({choices:e})=>e.reading==="both-sides"?"both sides":"left to right";function G({choices:e,data:s}){let t=s.recorded[e.reading].choices,n={positions:()=>"without positions",scaled:()=>"without √d_k",residual:()=>"without the residual stream",heads:r=>r===1?"with 1 head":`with ${r} heads`,layers:r=>r===1?"with 1 layer":`with ${r} layers`,learning_rate:r=>`at learning rate ${J(r)}`,seed:r=>`from seed ${r}`},o=ie.filter(r=>e[r]!==t[r]).map(r=>n[r](e[r]));return o.length?`, ${o.join(", ")}`:""}var B=e=>e.includes("who")?"who":e[0];function he({run:e,behind:s,floors:t}){let n=B(e.families),[o,r]=[e.loss[n].at(-1),e.accuracy[n].at(-1)],l=N(e,n);return l!==void 0?[l>1.5*(N(s,n)??1/0)?"later":"learned"]:[o>.9*t[n]["no context"]&&"nothing",Math.abs(o-re)<.15&&r<.7&&"coin"].filter(Boolean)}function pe(e){let{data:s,run:t,choices:n}=e,o=B(t.families),r=s.names[o],l=he(e),d=N(t,o),h=`loss ${L(t.loss[o].at(-1))}, ${T(t.accuracy[o].at(-1))} right`,a=d!==void 0?`has learned ${r} by step ${d}: ${h}`:l.includes("coin")?`ends at a coin toss on ${r}: ${h}, and ln 2 is 0.69`:l.includes("nothing")?`has learned nothing from the sentences of ${r}: ${h}`:`has learned ${r} only in part: ${h}`,c=n.prediction==="none"?"":l.includes(n.prediction)?" As you predicted.":" You predicted something else.";return`Your run, which reads ${z(e)}${G(e)}, ${a}.${ue(e,d!==void 0)}${c}`}function ue({choices:e,run:s},t){return e.positions||!s.families.includes("who")?"":e.reading==="both-sides"?t?"":" Without positions it sees the same words, whoever did it.":t?" The causal mask gives the order away: each word sees only those before it.":""}var fe=e=>e.map(([s,t])=>`${s.toFixed(1)},${t.toFixed(1)}`).join(" ");function Y({data:e},{set:s},t,n){let o=l=>n.left+l/e.last*(n.right-n.left),r=Z(l=>{let d=(l*t-n.left)/(n.right-n.left)*e.last;s({step:e.looks.reduce((h,a)=>Math.abs(a-d)<Math.abs(h-d)?a:h)})});return{x:o,turn:r}}var C=(e,s,{steps:t},n,o)=>i("polyline",{fill:"none","stroke-linejoin":"round",...o,points:fe(t.map((r,l)=>[e(r),s(n[l])]))});function me(e,s){let t=s.width>=600?4:2,n=22,o=Math.floor((s.width-n*(t-1))/t);return i("div",{style:`display:grid;gap:14px ${n}px;grid-template-columns:repeat(${t},${o}px)`},Object.keys(e.data.names).map(r=>ge(e,s,r,o)))}function ge(e,s,t,n){let{data:o,run:r,behind:l,now:d,floors:h}=e,a={left:1,right:n-6},[c,f,k,b,p]=[44,164,190,226,244],{x:y,turn:m}=Y(e,s,n,a),$=w=>f-Math.min(Number.isFinite(w)?w:W,W)/W*(f-c),g=w=>b-w*(b-k),x=r.families.includes(t)&&d>=0,j=r.steps[d]??0,[v,u]=x?[r.loss[t][d],r.accuracy[t][d]]:[],O=o.names[t],R=x?`${O}: loss ${L(v)} and ${T(u)} right at step ${j}`:`${O}: not trained on in this run`,_=Object.entries(o.knowing).map(([w,M])=>[h[t][w],M]).filter(([w],M,E)=>w>.01&&E.findIndex(([U])=>Math.abs(U-w)<.01)===M);return i("svg",{class:"ic-draggable",width:n,height:p,viewBox:`0 0 ${n} ${p}`,role:"img","aria-label":R,...m},i("rect",{width:n,height:p,fill:"transparent"}),i("text",{class:"ic-label",x:0,y:13,style:"font-weight:600"},O),i("text",{class:"ic-axis",x:0,y:32},x?`loss ${L(v)}`:"not in this run"),i("line",{class:"ic-hairline",x1:a.left,x2:a.right,y1:f,y2:f}),_.map(([w])=>i("line",{x1:a.left,x2:a.right,y1:$(w),y2:$(w),stroke:"var(--ic-muted)","stroke-width":1,"stroke-dasharray":"2 3"})),l&&C(y,$,l,l.loss[t],{stroke:I,"stroke-width":1.4,"stroke-opacity":.45}),x&&C(y,$,r,r.loss[t],{stroke:F,"stroke-width":2}),_.map(([w,M])=>i("text",{class:"ic-axis",x:a.right,y:$(w)-4,"text-anchor":"end",style:`font-size:11px;${ae}`},`${M} ${L(w)}`)),x&&i("text",{class:"ic-axis",x:0,y:k-6},`${T(u)} right`),i("line",{class:"ic-hairline",x1:a.left,x2:a.right,y1:b,y2:b}),i("line",{x1:a.left,x2:a.right,y1:g(.5),y2:g(.5),class:"ic-hairline","stroke-dasharray":"2 3"}),l&&C(y,g,l,l.accuracy[t],{stroke:I,"stroke-width":1.4,"stroke-opacity":.45}),x&&C(y,g,r,r.accuracy[t],{stroke:F,"stroke-width":2}),i("line",{x1:y(j),x2:y(j),y1:c,y2:b,stroke:K,"stroke-opacity":.35}),x&&[[$(v)],[g(u)]].map(([w])=>i("circle",{cx:y(j),cy:w,r:4.5,fill:K,stroke:"var(--ic-paper)","stroke-width":1.5})),i("text",{class:"ic-axis",x:0,y:p-2,style:"font-size:11px"},"step 0"),i("text",{class:"ic-axis",x:a.right,y:p-2,"text-anchor":"end",style:"font-size:11px"},String(o.last)))}function ye(e,s){let{live:t,data:n}=e,{status:o}=t,r=s.live??{},l=o==="training"||o==="paused",d=(c,f,k,b)=>i("button",{type:"button",onclick:f,disabled:k,...b},c),h=(...c)=>i("div",{class:"ic-controls",style:"margin:0.5rem 0;gap:0.5rem 1.4rem"},c),a=n.names[B(n.family_sets[e.families])];return i("div",{role:"group","aria-label":"The next run",style:"margin:1.2rem 0 1.4rem;padding-top:0.8rem;border-top:1px solid var(--ic-line)"},i("p",{style:"margin:0;font-weight:600"},"The next run"),h(s.control("reading"),s.control("families")),h(s.control("positions"),s.control("scaled"),s.control("residual")),h(s.control("heads"),s.control("layers"),s.control("learning_rate"),s.control("seed")),h(i("p",{style:"margin:0;flex:1 1 14rem;align-self:center"},`What will become of “${a}”, compared with the recorded run?`),s.control("prediction")),i("div",{class:"ic-controls",style:"gap:0.5rem"},d("Train",r.train,!1,{style:"background:var(--ic-accent);border-color:var(--ic-accent);color:var(--ic-paper);font-weight:600"}),o==="paused"?d("Go on",r.goOn,!1,{key:"pause"}):d("Pause",r.pause,o!=="training",{key:"pause"}),d("Stop",r.stop,!l),d("Back to the recorded run",r.reset,o==="none"),d("Download the model",r.download,o==="none"||o==="training")),i("div",{style:"display:flex;gap:0.8rem;align-items:center;height:1.6rem;margin-top:0.5rem"},i("progress",{max:n.last,value:t.at??0,"aria-label":"Steps of your run",style:"width:9rem;height:0.5rem;accent-color:var(--ic-accent)"}),i("span",{class:"ic-head",style:"font-variant-numeric:tabular-nums"},o==="none"?"Nothing runs yet.":`Step ${t.at} of ${n.last}, ${L(t.seconds,0)} s${o==="paused"?", paused":o==="stopped"?", stopped":""}`)))}function xe(e,s){let t=s.width>=600,n=26,o=t?Math.floor(.58*(s.width-n)):s.width,r=t?s.width-n-o:s.width,{words:l,map:d,asked:h,layer:a,head:c,run:f,now:k}=e,b=o-60;return i("div",{style:"padding-top:0.8rem;border-top:1px solid var(--ic-line)"},i("div",{class:"ic-controls",style:"margin-bottom:0.7rem"},s.control("sentence"),s.control("layer"),s.control("head")),i("div",{style:`display:grid;gap:0.8rem ${n}px;grid-template-columns:${t?`${o}px ${r}px`:"1fr"}`},i("div",{style:`min-height:${b}px`},i("div",{class:"ic-head"},`Layer ${a}, head ${c}, after ${f.steps[k]??0} steps. Queries down, keys across; the answer is read off the framed row.`),X({matrix:d,rows:l,columns:l,width:o,chosen:{row:h},maxCell:Math.min(30,(b-90)/l.length),label:`Weights of layer ${a}, head ${c}, over: ${l.join(" ")}`})),$e(e,s,r)))}function $e(e,s,t){let{run:n,behind:o,now:r,data:l}=e,[d,h,a]=[40,190,212],c={left:26,right:t-6},{x:f,turn:k}=Y(e,s,t,c),b=Math.min(0,...n.other,...o?.other??[]),p=g=>h-(g-b)/(1-b)*(h-d),y=n.steps[r]??0,m=[["same","one meaning","var(--ic-1)"],["other","two meanings","var(--ic-3)"]],$=`Cosine of two banks after layer 1 at step ${y}: ${m.map(([g,x])=>`${x} ${L(n[g][r]??0)}`).join(", ")}`;return i("div",{},i("div",{class:"ic-head"},"“bank” and “bank” after layer 1: cosine of the two vectors, in sentences of one meaning (loan, coins) and of two (loan, boat)."),i("svg",{class:"ic-draggable",width:t,height:a,viewBox:`0 0 ${t} ${a}`,role:"img","aria-label":$,...k},i("rect",{width:t,height:a,fill:"transparent"}),[0,.5,1].map(g=>[i("line",{class:"ic-hairline",x1:c.left,x2:c.right,y1:p(g),y2:p(g)}),i("text",{class:"ic-axis",x:c.left-6,y:p(g),"text-anchor":"end","dominant-baseline":"central"},String(g))]),m.map(([g,,x])=>[o&&C(f,p,o,o[g],{stroke:I,"stroke-width":1.4,"stroke-opacity":.45}),C(f,p,n,n[g],{stroke:x,"stroke-width":2}),r>=0&&i("circle",{cx:f(y),cy:p(n[g][r]),r:4.5,fill:x,stroke:"var(--ic-paper)","stroke-width":1.5})]),m.map(([g,x,j],v)=>[i("line",{x1:c.left+v*130,x2:c.left+v*130+14,y1:18,y2:18,stroke:j,"stroke-width":2.4}),i("text",{class:"ic-label",x:c.left+v*130+19,y:18,"dominant-baseline":"central"},`${x} ${L(n[g][r]??0)}`)]),i("text",{class:"ic-axis",x:c.left,y:a-4,style:"font-size:11px"},"step 0"),i("text",{class:"ic-axis",x:c.right,y:a-4,"text-anchor":"end",style:"font-size:11px"},String(l.last))))}(globalThis.incontextExplorables??(globalThis.incontextExplorables={})).training=H;})();
