#include "cli/apps/run/board.h"

#include <gtest/gtest.h>

namespace phoenix::apps {
namespace {

using cli::Json;

manifest::Packet declared(const std::string& name, const std::string& capability) {
  manifest::Packet packet;
  packet.name = name;
  packet.ns = "default";
  packet.required = {capability};
  return packet;
}

TEST(WhyStuck, NamesWhatThePacketsOwnDeclarationLacks) {
  manifest::App app;
  app.packets = {declared("scan", "ocr"), declared("scan-late", "sing")};
  manifest::Agent agent;
  agent.name = "reader";
  agent.ns = "default";
  agent.capabilities = {"ocr"};
  app.agents = {agent};
  Board board;
  board.expect("default", "scan-late-r2");
  board.update({*Json::parse(R"({"id":"scan-late-r2","namespace":"default","status":"PENDING",)"
                             R"("labels":{"phoenixflight.io/declared":"scan-late"},)"
                             R"("parked":{"reason":"no-capable-member"}})")});
  EXPECT_TRUE(board.nothing_moves());
  EXPECT_EQ(why_stuck(app, board),
            (std::vector<std::string>{"scan-late-r2 is parked: no-capable-member (reader lacks "
                                      "sing)"}));
}

}  // namespace
}  // namespace phoenix::apps
