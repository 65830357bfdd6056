// Turns the words of a scenario into commands for the stage and answers into lines. scenario.h has
// the language.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "sim/scenario/script.h"
#include "sim/scenario/stage.h"

namespace phoenix::sim {

class Player {
 public:
  Player();
  // Runs one command line and returns what it prints.
  std::vector<std::string> run(const std::string& line);

 private:
  struct Member {
    std::string session;
    uint64_t generation = 0;
    bool manual = false;
    std::optional<std::string> after;
    RequestId stream = 0;
  };

  bool run_world(const Words& words);
  bool run_member(const Words& words);
  bool run_packet(const Words& words);
  void register_member(const Words& words);
  bool plan(const Words& words);
  void submit(const Words& words);
  void owner_call(const Words& words, Call call);
  void order(const Words& words, Order order);
  void show(const std::string& id);
  void members();
  void send(const std::string& name, Command command);
  void on_reply(RequestId id, const ReplyBody& body, bool replayed);
  void remember(const std::string& name, const ReplyBody& body);
  Command as(const Words& words);
  SessionRef ref(const std::string& member) const;
  std::optional<std::string> after(const Words& words) const;
  void print(std::string text);

  std::vector<std::string> out_;
  std::map<std::string, Member> members_;
  std::map<RequestId, std::string> waiting_;  // who asked
  RequestId sending_ = 0;
  std::string sending_name_;
  bool answered_ = false;
  Stage stage_;
};

// Lines for an answer.
std::string reply_text(const ReplyBody& body);
std::string deliveries_text(const DeliveriesReply& reply);
std::string packet_text(const PacketView& view);
std::string plan_text(const Plan& plan);
std::string refusal_text(const Error& error);

}  // namespace phoenix::sim
