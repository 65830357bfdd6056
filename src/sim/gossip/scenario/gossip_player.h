// Plays a scenario of membership: a text file of commands and what they print, for one real core
// among peers that the text speaks for. tests/scenarios/gossip/README.md has the language.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "sim/gossip/scenario/gossip_stage.h"
#include "sim/scenario/scenario.h"
#include "sim/scenario/script.h"

namespace phoenix::hostsim {

// Reads and plays; kNotFound if the file cannot be read.
Result<sim::Played> play_gossip(const std::string& path);

class GossipPlayer {
 public:
  GossipPlayer();
  // Runs one command line and returns what it prints.
  std::vector<std::string> run(const std::string& line);

 private:
  void start(const sim::Words& words);
  bool run_world(const sim::Words& words);
  bool run_command(const sim::Words& words);
  bool run_peer(const std::string& name, const sim::Words& words);
  void add_peer(const sim::Words& words);
  void push(const std::string& name, const sim::Words& words);
  void print_hosts();
  void print_heard(const sim::Words& words);
  void print_counters(const sim::Words& words);

  std::vector<std::string> out_;
  GossipStage stage_;
};

}  // namespace phoenix::hostsim
