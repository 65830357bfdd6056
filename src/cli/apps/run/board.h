// What is known of the packets of a run: fed with the host's lists and the workers' news, it says
// what changed, whether all is over or nothing moves any more, and draws the table.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "cli/json.h"
#include "manifest/app/model.h"

namespace phoenix::apps {

struct BoardPacket {
  std::string id;
  std::string ns;
  std::string status;
  std::string declared;  // its name in the app's files
  std::string owner;     // now
  std::string worker;    // who worked on it last
  int64_t attempts = 0;
  int64_t losses = 0;
  std::string parked;              // the reason
  std::string error;               // the last one, its message
  std::string result;              // for the summary
  std::vector<std::string> story;  // one line for each thing that went otherwise than planned

  bool ended() const;
  bool completed() const { return status == "COMPLETED"; }
};

class Board {
 public:
  // Of earlier runs: never shown.
  void leave_out(const std::string& id) { left_out_.insert(id); }
  // Expected, though no list has shown it yet.
  void expect(const std::string& ns, const std::string& id);

  // Takes the host's list in; answers a line for each change.
  std::vector<std::string> update(const std::vector<cli::Json>& packets);
  // That worker began to work on it.
  void begins(const std::string& packet, const std::string& worker);

  bool all_ended() const;
  // All that is left waits for somebody who can take it, and nobody is at work.
  bool nothing_moves() const;
  size_t ended_count() const;
  const std::map<std::string, BoardPacket>& packets() const { return packets_; }
  std::map<std::string, BoardPacket>& packets() { return packets_; }

  // At most `rows` packets, those that are not over first.
  std::string table(size_t rows, bool color) const;

 private:
  std::map<std::string, BoardPacket> packets_;
  std::set<std::string> left_out_;
};

// The end of a run, for people and as JSON.
std::string summary_text(const Board& board, double seconds, bool color);
cli::Json summary_json(const manifest::App& app, const Board& board, double seconds);
// Why those that are left cannot be placed, one line each.
std::vector<std::string> why_stuck(const manifest::App& app, const Board& board);

}  // namespace phoenix::apps
