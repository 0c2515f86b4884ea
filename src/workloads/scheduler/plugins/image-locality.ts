import type { Cluster } from '../cluster.ts';
import { bestScore, type Plugin } from '../plugin.ts';

const megabyte = 1024 * 1024;
/** Below the first nothing is gained by an image; each container can gain up to the second. */
const [least, mostOfContainer] = [23 * megabyte, 1000 * megabyte];

/** Nodes that have the pod's images are better; less so if few nodes do, or all pods would go to those. */
export const imageLocality: Plugin = {
  name: 'ImageLocality',
  scorer({ pod }, cluster) {
    const containers = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
    const names = containers.map(({ image = '' }) => tagged(image)).filter((each) => cluster.nodesWithImage(each) > 0);
    if (names.length === 0) return undefined;
    const most = mostOfContainer * containers.length;
    return {
      weight: 1,
      score({ images }) {
        const sum = names.reduce((total, each) => total + worthOf(images.get(each), each, cluster), 0);
        return Math.trunc((bestScore * (Math.min(Math.max(sum, least), most) - least)) / (most - least));
      },
    };
  },
};

function worthOf(size: number | undefined, image: string, cluster: Cluster): number {
  return size === undefined ? 0 : Math.trunc((size * cluster.nodesWithImage(image)) / cluster.nodes.length);
}

/** An image without a tag is its latest. */
const tagged = (image: string): string =>
  image.lastIndexOf(':') <= image.lastIndexOf('/') ? `${image}:latest` : image;
