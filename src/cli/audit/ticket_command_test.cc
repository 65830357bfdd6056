// `phoenix ticket verify`, as whole command lines over files of a temporary folder.
#include "cli/audit/ticket_command.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "base/bytes_text.h"
#include "cli/context.h"
#include "cli/json.h"
#include "cli/line/parse.h"
#include "lineage/form/shown_ticket.h"

namespace phoenix::cli {
namespace {

constexpr WallMs kAt = 1'790'000'000'000;  // 2026-09-21T14:13:20.000Z

class TicketVerify : public testing::Test {
 protected:
  TicketVerify() {
    std::string name = testing::TempDir() + "phoenix-ticket-XXXXXX";
    path_ = ::mkdtemp(name.data());
    std::filesystem::create_directory(path_ + "/keys");
    write("keys/h1.pub",
          lineage::render_public({lineage::KeyRole::kHost, "h1", host_.public_key()}));
    const lineage::Ticket ticket{"demo", "default", "pkt_1", 4, {"a", 2}, {}, kAt, kAt + 3000};
    const lineage::ShownTicket shown{"", encode(ticket), {sign(host_, ticket), 0, {}}};
    write("ticket", base64_text(encode(shown)) + "\n");
  }
  ~TicketVerify() override { std::filesystem::remove_all(path_); }

  void write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ + "/" + name, std::ios::binary) << text;
  }
  int verify(std::vector<std::string> more, const std::string& file = "ticket") {
    std::vector<std::string> args = {
        "ticket", "verify", path_ + "/" + file, "--keys", path_ + "/keys", "-o", "json"};
    args.insert(args.end(), more.begin(), more.end());
    std::vector<Command> table;
    add_ticket_verify(table);
    Globals globals;
    const auto line = parse_line(args, table, &globals);
    if (!line || line->command == nullptr) return kExitWrongUse;
    Context context(globals, table);
    testing::internal::CaptureStdout();
    testing::internal::CaptureStderr();
    const int code = line->command->run(context);
    out_ = testing::internal::GetCapturedStdout();
    err_ = testing::internal::GetCapturedStderr();
    return code;
  }
  std::string refused_for() const { return std::string(Json::parse(err_).value()["code"].text()); }

  lineage::KeyPair host_ = lineage::KeyPair::from_seed({7});
  std::string path_, out_, err_;
};

TEST_F(TicketVerify, SaysWhatAGoodTicketSays) {
  ASSERT_EQ(verify({"--now", "2026-09-21T14:13:21.000Z", "--seen-epoch", "4"}), 0) << err_;
  const Json told = Json::parse(out_).value();
  EXPECT_TRUE(told["good"].truth());
  EXPECT_EQ(told["packet"].text(), "pkt_1");
  EXPECT_EQ(told["owner"].text(), "a");
  EXPECT_EQ(told["epoch"].integer(), 4);
  EXPECT_EQ(told["leftMs"].integer(), 2000);
}

TEST_F(TicketVerify, ExitsWith6AndSaysWhy) {
  EXPECT_EQ(verify({"--now", "2026-09-21T14:13:23.000Z"}), 6);
  EXPECT_EQ(refused_for(), "expired");
  EXPECT_EQ(out_, "");
  EXPECT_EQ(verify({"--now", "2026-09-21T14:13:21.000Z", "--seen-epoch", "5"}), 6);
  EXPECT_EQ(refused_for(), "stale-epoch");
  EXPECT_EQ(verify({"--now", "2026-09-21T14:13:00.000Z"}), 6);
  EXPECT_EQ(refused_for(), "clock-behind");
  write("other", "bm8gdGlja2V0\n");
  EXPECT_EQ(verify({}, "other"), 6);
  EXPECT_EQ(refused_for(), "bad-form");
  write("other", "no ticket\n");
  EXPECT_EQ(verify({}, "other"), 6);
  write("keys/h1.pub", lineage::render_public({lineage::KeyRole::kHost, "h1",
                                               lineage::KeyPair::from_seed({8}).public_key()}));
  EXPECT_EQ(verify({"--now", "2026-09-21T14:13:21.000Z"}), 6);
  EXPECT_EQ(refused_for(), "unknown-key");
}

TEST_F(TicketVerify, JudgesNothingWithoutKeysATicketOrATime) {
  EXPECT_EQ(verify({"--now", "yesterday"}), 2);
  EXPECT_EQ(verify({}, "nothing"), 2);
  std::filesystem::remove(path_ + "/keys/h1.pub");
  EXPECT_EQ(verify({}), 2);
}

}  // namespace
}  // namespace phoenix::cli
