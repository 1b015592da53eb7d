#: java: a NullPointerException from a fault in JIT-compiled code, threads, garbage collection
#: needs: java javac
#: modes: run
#: limit: 300
#: expect: 200 
cat > Npe.java <<'X'
import java.util.*;
public class Npe {
    static int length(String s) { return s.length(); }
    public static void main(String[] args) throws Exception {
        int caught = 0; long sum = 0;
        for (int i = 0; i < 200000; i++) { try { sum += length(i % 1000 == 999 ? null : "abc"); } catch (NullPointerException e) { caught++; } }
        System.out.println(caught + " " + sum);
        Thread[] t = new Thread[4]; long[] r = new long[4];
        for (int n = 0; n < 4; n++) { final int k = n; t[n] = new Thread(() -> { long h = k; for (int i = 0; i < 2000000; i++) h = h * 31 + i; r[k] = h; }); t[n].start(); }
        for (Thread x : t) x.join();
        System.out.println(Arrays.toString(r));
        List<byte[]> keep = new ArrayList<>(); for (int i = 0; i < 2000; i++) { byte[] b = new byte[10000]; if (i % 100 == 0) keep.add(b); }
        System.out.println(keep.size());
        Object o = null; o.toString();
    }
}
X
javac -d . Npe.java && java -Xmx128m -XX:-UsePerfData -cp . Npe; echo $?; rm -f Npe.class
