// What our pages use of Preact; the package's own declarations drag in all of JSX.
export type VNode = object;
export function h(type: unknown, props?: object | null, ...children: unknown[]): VNode;
export function render(node: VNode | null, parent: Element): void;
export const Fragment: unknown;
