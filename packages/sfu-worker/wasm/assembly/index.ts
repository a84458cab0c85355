export { build, closeSession, openSession, seal } from './fan-out';
export * from './layout';
