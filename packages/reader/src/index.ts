export { Connection, type ConnectionOptions, type ConnectionState } from './connection.ts';
export { MediaPublisher, type MediaPublisherOptions } from './publisher.ts';
export { MediaReader, type MediaReaderOptions } from './reader.ts';
export { RefusedError } from './signalling.ts';
