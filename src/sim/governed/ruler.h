// An operator and a person of a governed run: policies are laid down, changed and lifted in
// mid-life; what waits for an approval gets one, or a no, or nothing until its time is over.
#pragma once

#include <functional>

#include "node/node.h"
#include "sim/env.h"

namespace phoenix::sim {

class Ruler {
 public:
  // `node`: as one who lists its documents; null while the host is down.
  Ruler(Env& env, Prng prng, std::function<const Node*()> node)
      : env_(env), prng_(prng), node_(std::move(node)) {}

  // In a calm run policies are lifted, so that all can come to its end.
  void start();

 private:
  void rule();
  void decide();
  void send(Command command);

  Env& env_;
  Prng prng_;
  std::function<const Node*()> node_;
  Link link_;
};

}  // namespace phoenix::sim
