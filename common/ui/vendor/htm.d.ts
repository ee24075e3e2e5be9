declare const htm: {
  bind<H extends (type: any, props: any, ...children: any[]) => any>(h: H):
    (strings: TemplateStringsArray, ...values: any[]) => any;
};
export default htm;
