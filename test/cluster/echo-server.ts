import { busyboxImage } from "./images/base-images.ts";

/** Port of every echo server. */
export const ECHO_PORT = 8080;

/** A shell script that serves, on all IPv4 addresses, who answers and whom it sees: `NAME CLIENT_ADDRESS`. */
export function echoScript(folder: string, name: string): string {
  const cgi = `#!/bin/sh\nprintf "Content-Type: text/plain\\r\\n\\r\\n"\necho "${name} $REMOTE_ADDR"\n`;
  return [
    `mkdir -p ${folder}/cgi-bin`,
    `cat > ${folder}/cgi-bin/who <<'END'\n${cgi}END`,
    `chmod 755 ${folder}/cgi-bin/who`,
    `exec /bin/busybox httpd -f -p 0.0.0.0:${ECHO_PORT} -h ${folder}`,
  ].join("\n");
}

/** A Deployment of echo servers, one address each, spread over the nodes, and a Service in front of it. */
export function echoDeployment(name: string, replicas: number): object[] {
  const labels = { app: name };
  return [
    {
      apiVersion: "apps/v1",
      kind: "Deployment",
      metadata: { name },
      spec: {
        replicas,
        selector: { matchLabels: labels },
        template: {
          metadata: { labels },
          spec: {
            terminationGracePeriodSeconds: 0,
            topologySpreadConstraints: [
              {
                maxSkew: 1,
                topologyKey: "kubernetes.io/hostname",
                whenUnsatisfiable: "ScheduleAnyway",
                labelSelector: { matchLabels: labels },
              },
            ],
            containers: [
              {
                name: "echo",
                image: busyboxImage,
                imagePullPolicy: "Never",
                command: ["/bin/sh", "-c", echoScript("/www", "$HOSTNAME")],
                ports: [{ containerPort: ECHO_PORT }],
                readinessProbe: { tcpSocket: { port: ECHO_PORT }, periodSeconds: 1 },
                resources: {
                  limits: { "tke.cloud.tencent.com/eni-ip": "1" },
                  requests: { "tke.cloud.tencent.com/eni-ip": "1" },
                },
              },
            ],
          },
        },
      },
    },
    {
      apiVersion: "v1",
      kind: "Service",
      metadata: { name },
      spec: { selector: labels, ports: [{ port: 80, targetPort: ECHO_PORT }] },
    },
  ];
}
