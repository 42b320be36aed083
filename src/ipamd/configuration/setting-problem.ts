/** A value that somebody set and that is not in force. */
export interface SettingProblem {
  /** Annotation, label, field or key of a ConfigMap. */
  key: string;
  value: string;
  /** One sentence: key and value, why not, what is in force instead, what to do. The same as long as nothing changes. */
  message: string;
}
