declare function qrcode(type: 0, correction: 'L' | 'M' | 'Q' | 'H'): {
  addData(data: string): void;
  make(): void;
  getModuleCount(): number;
  isDark(row: number, column: number): boolean;
};
export default qrcode;
