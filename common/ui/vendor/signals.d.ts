export interface ReadonlySignal<T> { readonly value: T; peek(): T; }
export interface Signal<T> extends ReadonlySignal<T> { value: T; }
export function signal<T>(value: T): Signal<T>;
export function computed<T>(read: () => T): ReadonlySignal<T>;
export function effect(act: () => void | (() => void)): () => void;
export function batch<T>(act: () => T): T;
