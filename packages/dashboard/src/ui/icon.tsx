/** Drawn for 16 × 16, in lines of the text's colour. */
const PATHS = {
  overview: 'M2.5 9.5h4v4h-4zM9.5 7h4v6.5h-4zM2.5 2.5h4v4h-4zM9.5 2.5h4v1.5h-4z',
  streams: 'M2 4.5h8.5v7H2zM10.5 7l3.5-2v6l-3.5-2',
  sessions:
    'M6 7.5a2.25 2.25 0 1 0 0-4.5 2.25 2.25 0 0 0 0 4.5zM2 13c0-2.2 1.8-3.5 4-3.5s4 1.3 4 3.5M10.5 3.2a2.2 2.2 0 0 1 0 4.2M12 9.8c1.3.5 2 1.7 2 3.2',
  workers: 'M4.5 4.5h7v7h-7zM6.5 1.5v3M9.5 1.5v3M6.5 11.5v3M9.5 11.5v3M1.5 6.5h3M1.5 9.5h3M11.5 6.5h3M11.5 9.5h3',
  alarms: 'M8 2a4 4 0 0 0-4 4v2.5L2.8 11h10.4L12 8.5V6a4 4 0 0 0-4-4zM6.7 13.2c.3.5.8.8 1.3.8s1-.3 1.3-.8',
  capacity: 'M2.5 12a6 6 0 1 1 11 0M8 10l2.8-3.8M8 11.2a1 1 0 1 0 0-2 1 1 0 0 0 0 2z',
  configuration:
    'M2.5 4.5h6M11.5 4.5h2M2.5 11.5h2M7.5 11.5h6M10 6a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3zM6 13a1.5 1.5 0 1 0 0-3 1.5 1.5 0 0 0 0 3z',
  log: 'M3 4h10M3 7h7M3 10h10M3 13h5',
  profiler:
    'M8 1.8c.5 2.4 4 3.6 4 7.4A4 4 0 0 1 8 14a4 4 0 0 1-4-4.3c0-1.6.8-2.6 1.7-3.4.1 1 .5 1.6 1.2 1.9C6.600 5.900 6.900 3.500 8 1.800z',
  compare: 'M5 2.500v11M5 2.500 2.500 5M5 2.500 7.500 5M11 13.500v-11M11 13.500 8.500 11M11 13.500l2.500-2.500',
  search: 'M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9zM10.300 10.300 13.500 13.500',
  light:
    'M8 10.500a2.500 2.500 0 1 0 0-5 2.500 2.500 0 0 0 0 5zM8 1.500v1.500M8 13v1.500M1.500 8H3M13 8h1.500M3.400 3.400l1.100 1.100M11.500 11.500l1.100 1.100M3.400 12.600l1.100-1.100M11.500 4.500l1.100-1.100',
  dark: 'M13.200 9.600A5.600 5.600 0 0 1 6.400 2.800 5.600 5.600 0 1 0 13.200 9.600z',
  auto: 'M8 2.500a5.500 5.500 0 1 0 0 11zM8 2.500a5.500 5.500 0 0 1 0 11M8 5h4.500M8 8h5.500M8 11h4.500',
  warning: 'M8 2.500 14 13H2zM8 6.500v3M8 11.300v.2',
  ok: 'M3 8.500 6.500 12 13 4.500',
  info: 'M8 14A6 6 0 1 0 8 2a6 6 0 0 0 0 12zM8 7.500V11M8 5v.2',
  recycle: 'M13 8a5 5 0 0 1-8.900 3.100M3 8a5 5 0 0 1 8.900-3.100M12.500 2v3h-3M3.500 14v-3h3',
  close: 'M4 4l8 8M12 4l-8 8',
  download: 'M8 2.500v8M8 10.500 5 7.500M8 10.500l3-3M3 13.500h10',
  play: 'M5 3.500v9l7-4.500z',
  plus: 'M8 3v10M3 8h10',
  back: 'M9.500 3.500 5 8l4.500 4.500',
} as const;
export type IconName = keyof typeof PATHS;

/** Says nothing by itself: what it is about stands beside it, or in the button's label. */
export function Icon({ name }: { readonly name: IconName }) {
  return (
    <svg
      viewBox="0 0 16 16"
      fill="none"
      stroke="currentColor"
      stroke-width="1.4"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
      focusable="false"
    >
      <path d={PATHS[name]} />
    </svg>
  );
}
