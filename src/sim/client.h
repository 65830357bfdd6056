// Clients and operators: they submit packets (one or many, by their own id or by key), ask, wait,
// cancel, name owners, retry; and repeat every call until it is answered. Manual members are driven
// from here too: somebody looks at what they own and ends it in their name.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/env.h"

namespace phoenix::sim {

class Client {
 public:
  Client(Env& env, std::string name, Prng prng);

  // Submits packets at random moments until `packets` were sent and env.calm is set.
  void start(size_t packets);
  // Registers a manual member, and makes its calls from now on.
  void start_manual(const std::string& id, std::vector<std::string> capabilities);
  size_t submitted() const { return keys_.size(); }

 private:
  using Answered = std::function<void(const Reply&)>;

  void submit_some(size_t left);
  SubmitItem draw_item();
  PacketSpec draw_spec();
  void send_submit(std::shared_ptr<const Command> command);
  void meddle();
  PacketKey dead_letter(const PacketKey& otherwise);
  void send(std::shared_ptr<const Command> command, int tries, Answered answered);
  // Any host will do.
  void choose_host();
  void work_manually(const std::string& id);
  void register_manual(const std::string& id, std::vector<std::string> capabilities, int tries);

  Env& env_;
  std::string name_;
  Prng prng_;
  Link link_;
  uint64_t next_ = 1;
  std::vector<PacketKey> keys_;  // everything that was sent
};

}  // namespace phoenix::sim
